package docstest

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Command is one command of a page.
type Command struct {
	File   string
	Line   int
	Text   string   // as the page has it, on one line
	Inline bool     // in the text: it may be there to be named only
	Env    []string // the environment variables that it sets or uses
	Words  []string // the program and its arguments, without quotes
	Out    string   // the file that it writes to
}

// Program is the name of the program, without its folder.
func (c Command) Program() string {
	if len(c.Words) == 0 {
		return ""
	}
	return path.Base(c.Words[0])
}

// IsName reports whether the text only names the command: it has no arguments.
func (c Command) IsName(args []string) bool { return c.Inline && len(args) == 0 }

var (
	assigned    = regexp.MustCompile(`^([A-Z_][A-Z0-9_]*)=`)
	used        = regexp.MustCompile(`\$\{?([A-Z_][A-Z0-9_]*)\b`)
	placeholder = regexp.MustCompile(`^<[A-Za-z_][^<>|&\n]*>`)
	operator    = regexp.MustCompile(`^(&&|\|\||[;|&\n])`)
	redirection = regexp.MustCompile(`^(>>?|<)`)
)

// shell reads simple commands as a shell does, as far as the docs need it. <name> is a
// placeholder, and a word in brackets, as [--all], may be left out.
func shell(text string) (commands []Command, err error) {
	l := lexer{rest: text, line: 1, at: 1}
	for l.rest != "" {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	l.end()
	return l.commands, nil
}

type lexer struct {
	rest     string
	line, at int // the line, and that on which the command begins
	word     strings.Builder
	inWord   bool
	toFile   bool // the next word is a file that is written or read
	text     strings.Builder
	current  Command
	commands []Command
}

// take moves on by n bytes.
func (l *lexer) take(n int) string {
	taken := l.rest[:n]
	l.line += strings.Count(taken, "\n")
	l.rest = l.rest[n:]
	return taken
}

func (l *lexer) add(text string) {
	if !l.inWord && len(l.current.Words) == 0 && len(l.current.Env) == 0 {
		l.at = l.line
	}
	l.inWord = true
	l.word.WriteString(text)
}

func (l *lexer) next() error {
	switch c := l.rest[0]; {
	case strings.HasPrefix(l.rest, "\\\n"):
		l.endWord()
		l.take(2)
	case c == '\\' && len(l.rest) > 1:
		l.text.WriteString(l.rest[:2])
		l.add(l.take(2)[1:])
	case c == ' ' || c == '\t':
		l.endWord()
		l.text.WriteString(l.take(1))
	case c == '#' && !l.inWord:
		line, _, _ := strings.Cut(l.rest, "\n")
		l.take(len(line))
	case c == '\'' || c == '"':
		end := strings.IndexByte(l.rest[1:], c)
		if end < 0 {
			return fmt.Errorf("line %d: a quote is not closed", l.line)
		}
		quoted := l.take(end + 2)
		l.text.WriteString(quoted)
		if c == '"' {
			l.uses(quoted)
		}
		l.add(quoted[1 : len(quoted)-1])
	case strings.HasPrefix(l.rest, "$("):
		return fmt.Errorf("line %d: this test does not know how to check $(…)", l.line)
	case c == '<' && placeholder.MatchString(l.rest):
		name := l.take(len(placeholder.FindString(l.rest)))
		l.text.WriteString(name)
		l.add(name)
	case redirection.MatchString(l.rest):
		l.endWord()
		l.text.WriteString(l.take(len(redirection.FindString(l.rest))))
		l.toFile = true
	case operator.MatchString(l.rest):
		l.end()
		l.take(len(operator.FindString(l.rest)))
	default:
		l.uses(l.rest[:1+strings.IndexAny(l.rest[1:]+" ", " $\n\"'")])
		l.text.WriteByte(c)
		l.add(l.take(1))
	}
	return nil
}

// uses notes a variable at the start of the text, or all of a quoted one.
func (l *lexer) uses(text string) {
	if text[0] != '$' && text[0] != '"' {
		return
	}
	for _, m := range used.FindAllStringSubmatch(text, -1) {
		l.current.Env = append(l.current.Env, m[1])
	}
}

func (l *lexer) endWord() {
	word := l.word.String()
	if !l.inWord {
		return
	}
	l.word.Reset()
	l.inWord = false
	c := &l.current
	if name := assigned.FindStringSubmatch(word); name != nil && (len(c.Words) == 0 || c.Words[0] == "export") {
		c.Env = append(c.Env, name[1])
		return
	}
	if l.toFile {
		c.Out, l.toFile = word, false
		return
	}
	if strings.HasPrefix(word, "[-") {
		word = strings.Trim(word, "[]")
	}
	c.Words = append(c.Words, word)
}

func (l *lexer) end() {
	l.endWord()
	c := l.current
	c.Line = l.at
	c.Text = strings.Join(strings.Fields(l.text.String()), " ")
	if len(c.Words) > 0 && c.Words[0] == "export" {
		c.Words = nil
	}
	if len(c.Words) > 0 || len(c.Env) > 0 {
		l.commands = append(l.commands, c)
	}
	l.current, l.toFile = Command{}, false
	l.text.Reset()
}

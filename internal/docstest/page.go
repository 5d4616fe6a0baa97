package docstest

import (
	"fmt"
	"regexp"
	"strings"
)

// page is what a Markdown file has of commands.
type page struct {
	commands []Command
	plain    []Command // lines of blocks without a language, which should have no command
	outputs  []output
	problems []string
}

// output is an output of the stack that the text or Terraform names.
type output struct {
	name string
	line int
}

var (
	fence       = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\S*)")
	inComment   = regexp.MustCompile(`\b(make|npm|npx|cdk|aws|go|ecsrunner|docker|scripts/[a-z-]+) [a-z]`)
	unitCommand = regexp.MustCompile(`^\s*Exec\w+=(.*)`)

	// An output by its name: behind that word, or by what only outputs end with.
	outputName  = regexp.MustCompile(`^[A-Z][A-Za-z]*(Command|Url)$`)
	capitalised = regexp.MustCompile(`^[A-Z]\w+$`)
	outputWord  = regexp.MustCompile(`(?i)\boutputs?\s+$`)
	outputOfHCL = regexp.MustCompile(`outputs\["(\w+)"\]`)
)

// read reads a page: blocks by their language, and the spans of its text.
func read(file, text string) (p page) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		first := i + 1
		lines[i] = ""
		for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), open[1]); i++ {
		}
		p.block(file, open[2], lines[first:min(i, len(lines))], first+1)
		for j := first; j <= i && j < len(lines); j++ {
			lines[j] = ""
		}
	}
	p.spans(file, strings.Join(lines, "\n"))
	return p
}

func (p *page) complain(file string, line int, format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf("%s:%d: %s", file, line, fmt.Sprintf(format, args...)))
}

// block reads what stands between fences; it begins on the line first.
func (p *page) block(file, language string, lines []string, first int) {
	switch language {
	case "sh":
		p.commands = append(p.commands, p.shell(file, strings.Join(lines, "\n"), first)...)
		for i, line := range lines {
			if _, comment, _ := strings.Cut(line, " # "); inComment.MatchString(comment) {
				p.complain(file, first+i, "a comment has a command: give it a line of its own, or another wording")
			}
		}
	case "ini":
		for i, line := range lines {
			if m := unitCommand.FindStringSubmatch(line); m != nil {
				p.commands = append(p.commands, p.shell(file, m[1], first+i)...)
			}
		}
	case "":
		for i, line := range lines {
			if words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "$ ")); len(words) > 1 {
				p.plain = append(p.plain, Command{File: file, Line: first + i, Text: strings.TrimSpace(line), Words: words})
			}
		}
	case "hcl":
		for i, line := range lines {
			for _, m := range outputOfHCL.FindAllStringSubmatch(line, -1) {
				p.outputs = append(p.outputs, output{m[1], first + i})
			}
		}
	case "json", "yaml", "diff", "go":
	default:
		p.complain(file, first-1, "this test does not know whether a block of %q has commands", language)
	}
}

func (p *page) shell(file, text string, first int) []Command {
	commands, err := shell(text)
	if err != nil {
		p.complain(file, first, "%v", err)
	}
	for i := range commands {
		commands[i].File = file
		commands[i].Line += first - 1
	}
	return commands
}

// spans reads the inline code. A span ends with its paragraph.
func (p *page) spans(file, text string) {
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		ticks := text[i : i+len(text[i:])-len(strings.TrimLeft(text[i:], "`"))]
		paragraph, _, _ := strings.Cut(text[i+len(ticks):], "\n\n")
		inner, _, closed := strings.Cut(paragraph, ticks)
		if !closed {
			i += len(ticks)
			continue
		}
		line := 1 + strings.Count(text[:i], "\n")
		p.span(file, line, inner, text[max(0, i-20):i])
		i += 2*len(ticks) + len(inner)
	}
}

func (p *page) span(file string, line int, inner, before string) {
	inner = strings.Join(strings.Fields(inner), " ")
	if outputName.MatchString(inner) || outputWord.MatchString(before) && capitalised.MatchString(inner) {
		p.outputs = append(p.outputs, output{inner, line})
		return
	}
	commands, err := shell(inner)
	if err != nil || len(commands) == 0 {
		commands = []Command{{Words: strings.Fields(inner)}}
	}
	for i, c := range commands {
		c.File, c.Line, c.Inline = file, line, true
		if len(commands) == 1 {
			c.Text = inner
		}
		commands[i] = c
	}
	if phrases[inner] {
		commands = []Command{{File: file, Line: line, Inline: true, Text: inner}}
	}
	p.commands = append(p.commands, commands...)
}

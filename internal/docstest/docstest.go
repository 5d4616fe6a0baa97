// Package docstest reads the commands that the docs show, and holds each to what there is:
// programs, their flags, make targets, scripts, tests, outputs of the stack.
//
// A span of words that begins like a command and that no rule knows is a problem too, so a
// new kind of command needs a rule, and new prose in backticks a line in phrases.
package docstest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Rule says what is wrong with a command, nil if nothing is.
type Rule func(Command) error

// Rules are what only the caller can check.
type Rules struct {
	Programs map[string]Rule // by the program's name, without its folder
	Names    map[string]Rule // by the first word of what only text shows, without the program: `runs list`
	Flag     Rule            // of spans such as `--engine docker`
}

// repository is the checked-out repository, which the rules look things up in.
type repository struct {
	root  string
	rules Rules
}

// Check says what is wrong with the commands in the Markdown files of the repository, and
// how many commands of each program it has read.
func Check(root string, rules Rules) (problems []string, counts map[string]int, err error) {
	r := repository{root, rules}
	paths, err := markdown(root)
	if err != nil {
		return nil, nil, err
	}
	counts = map[string]int{}
	said := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return nil, nil, err
		}
		found, wrong := r.checkFile(path, string(text), counts, said)
		problems = append(problems, wrong...)
		counts["commands"] += found
	}
	for phrase := range phrases {
		if !said[phrase] {
			problems = append(problems, fmt.Sprintf("phrases has %q, which no page says", phrase))
		}
	}
	return problems, counts, nil
}

func (r repository) checkFile(path, text string, counts map[string]int, said map[string]bool) (found int, problems []string) {
	page := read(path, text)
	problems = page.problems
	complain := func(line int, what any) { problems = append(problems, fmt.Sprintf("%s:%d: %v", path, line, what)) }
	for _, c := range page.commands {
		if phrases[c.Text] {
			said[c.Text] = true
			continue
		}
		if c.Inline && !r.looksLikeCommand(c) {
			continue
		}
		found++
		counts[c.Program()]++
		if err := r.check(c); err != nil {
			complain(c.Line, fmt.Sprintf("`%s`: %v", c.Text, err))
		}
	}
	for _, line := range page.plain {
		if c := line.Program(); c != "" && r.rule(line) != nil {
			complain(line.Line, fmt.Sprintf("`%s` is a command: give its block the language sh", line.Text))
		}
	}
	for _, o := range page.outputs {
		if err := r.isOutput(o.name); err != nil {
			complain(o.line, err)
		}
	}
	return found, problems
}

// markdown lists the repository's pages.
func markdown(root string) (found []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := entry.Name(); {
		case entry.IsDir() && (name == "node_modules" || name == ".git" || name == ".cache" || name == "testdata" || name == "build"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".md"):
			rel, err := filepath.Rel(root, path)
			found = append(found, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	return found, err
}

// program is the first word of a command: a name, or a path of this repository or the machine.
var program = regexp.MustCompile(`^(~/|\.?/)?[a-z0-9.][A-Za-z0-9_./-]*$`)

// looksLikeCommand reports whether a span of text is there to be typed.
func (r repository) looksLikeCommand(c Command) bool {
	switch {
	case len(c.Words) == 0:
		return false
	case strings.HasPrefix(c.Words[0], "-"):
		return len(c.Words[0]) > 1
	case isScript(c.Words[0]):
		return true
	}
	return len(c.Words) > 1 && program.MatchString(c.Words[0])
}

// check holds a command to its rule, and to the variables and outputs that it names.
func (r repository) check(c Command) error {
	for _, name := range c.Env {
		if err := r.isVariable(name); err != nil {
			return err
		}
	}
	for _, m := range regexp.MustCompile(`<([A-Z]\w+)>`).FindAllStringSubmatch(c.Text, -1) {
		if err := r.isOutput(m[1]); err != nil {
			return err
		}
	}
	if len(c.Words) == 0 {
		return nil
	}
	rule := r.rule(c)
	if rule == nil {
		return fmt.Errorf("this test does not know how to check %s: give it a rule, or a line in phrases if it is no command", c.Words[0])
	}
	return rule(c)
}

// rule is the rule for a command, nil if there is none.
func (r repository) rule(c Command) Rule {
	first := c.Words[0]
	switch {
	case c.Inline && strings.HasPrefix(first, "--") && !isOthersFlag(first):
		return r.rules.Flag
	case c.Inline && strings.HasPrefix(first, "-"):
		return r.flags
	case isScript(first) && r.rules.Programs[c.Program()] == nil:
		return r.script
	case c.Inline && r.rules.Names[first] != nil:
		return r.rules.Names[first]
	case r.rules.Programs[c.Program()] != nil:
		return r.rules.Programs[c.Program()]
	}
	if rule := map[string]Rule{"make": r.make, "go": r.golang, "npm": r.npm, "npx": r.npx, "cdk": r.cdk, "cp": r.cp}[c.Program()]; rule != nil {
		return rule
	}
	if isOthers(c.Program()) {
		return r.others
	}
	return nil
}

// CheckPage is Check for a page that no file has.
func CheckPage(root, name, text string, rules Rules) []string {
	r := repository{root, rules}
	_, problems := r.checkFile(name, text, map[string]int{}, map[string]bool{})
	return problems
}

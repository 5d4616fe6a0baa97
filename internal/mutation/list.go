package mutation

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Load reads the mutants of all .diff files of a folder, in the order of the files'
// names. It returns every problem of the list at once.
func Load(folder fs.FS) ([]Mutant, error) {
	files, err := fs.Glob(folder, "*.diff")
	if err != nil {
		return nil, err
	}
	var all []Mutant
	var problems []error
	names := map[string]bool{}
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		some, err := parse(string(text))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file, err))
		}
		for _, m := range some {
			found := m.problems()
			if names[m.Name] {
				found = append(found, "another mutant has this name")
			}
			names[m.Name] = true
			for _, p := range found {
				problems = append(problems, fmt.Errorf("%s: mutant %q: %s", file, m.Name, p))
			}
		}
		all = append(all, some...)
	}
	if len(all) == 0 && len(problems) == 0 {
		return nil, errors.New("the list has no mutants")
	}
	return all, errors.Join(problems...)
}

// begins stands before the name of a mutant. Its keys follow, an empty line, and the
// change as in a diff.
const begins = "== "

func parse(text string) (mutants []Mutant, err error) {
	parts := strings.Split("\n"+text, "\n"+begins)
	for _, line := range strings.Split(parts[0], "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			return nil, fmt.Errorf("%q stands before the first mutant, which begins with %q", line, begins+"name")
		}
	}
	for _, part := range parts[1:] {
		head, change, _ := strings.Cut(part, "\n\n")
		name, keys, _ := strings.Cut(head, "\n")
		m := Mutant{Name: strings.TrimSpace(name)}
		if err := m.readKeys(keys); err != nil {
			return nil, fmt.Errorf("mutant %q: %w", m.Name, err)
		}
		if err := m.readChange(change); err != nil {
			return nil, fmt.Errorf("mutant %q: %w", m.Name, err)
		}
		mutants = append(mutants, m)
	}
	return mutants, nil
}

func (m *Mutant) readKeys(keys string) error {
	for line := range strings.SplitSeq(keys, "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "breaks":
			m.Breaks = value
		case "file":
			m.File = value
		case "tests":
			fields := append(strings.Fields(value), "")
			m.Tests = append(m.Tests, Tests{Package: fields[0], Names: fields[1 : len(fields)-1]})
		case "caught_by":
			m.CaughtBy = Catcher(value)
		default:
			return fmt.Errorf("%q is none of breaks, file, tests and caught_by", line)
		}
	}
	return nil
}

func (m *Mutant) readChange(change string) error {
	for line := range strings.SplitSeq(strings.Trim(change, "\n"), "\n") {
		sign, rest := "", ""
		if line != "" {
			sign, rest = line[:1], line[1:]
		}
		switch sign {
		case "", " ": // editors take the space of an empty line away
			m.Old += rest + "\n"
			m.New += rest + "\n"
		case "-":
			m.Old += rest + "\n"
		case "+":
			m.New += rest + "\n"
		default:
			return fmt.Errorf("%q begins with none of space, - and +", line)
		}
	}
	return nil
}

// Package mutation applies wrong changes to a copy of the repository, one at a time,
// and demands that something catches each: a test, or a simulated history.
//
// A wrong change that nothing catches is a gap in the tests, however many lines those
// cover. The list of changes is in the folder mutants; docs/mutation.md says how to add
// one.
package mutation

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Folder is where a repository keeps its list.
const Folder = "internal/mutation/mutants"

// Mutant is one wrong change.
type Mutant struct {
	Name   string
	Breaks string // what goes wrong, in one sentence
	File   string
	Old    string // whole lines, which stand in the file exactly once
	New    string
	// Tests are the cheapest that should catch it, in the order in which they are run.
	Tests    []Tests
	CaughtBy Catcher
}

// Tests are some of a package's tests, or all of them if there are no names. A name with
// a slash is one part of a test; all names are then of parts of that test.
type Tests struct {
	Package string // as in ./internal/fleet
	Names   []string
}

// test is the part of a name before its slash, if it has one.
func test(name string) string {
	whole, _, _ := strings.Cut(name, "/")
	return whole
}

// parts reports whether the names are of parts of one test.
func (t Tests) parts() bool { return len(t.Names) > 0 && strings.Contains(t.Names[0], "/") }

// Catcher says what is to catch a mutant.
type Catcher string

const (
	ByEither     Catcher = "" // the tests, else the simulation
	ByTests      Catcher = "tests"
	BySimulation Catcher = "simulate"
)

var (
	nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	pkgForm  = regexp.MustCompile(`^\./[a-z0-9/_-]+$`)
	testForm = regexp.MustCompile(`^Test[A-Za-z0-9_]*(/[^/]+)?$`)
)

func (m Mutant) problems() (found []string) {
	check := func(ok bool, problem string) {
		if !ok {
			found = append(found, problem)
		}
	}
	check(nameForm.MatchString(m.Name), "a name is small letters, digits and dashes")
	check(strings.HasSuffix(m.Breaks, "."), "breaks must be a sentence that says what goes wrong")
	check(m.File != "" && filepath.IsLocal(m.File), "file must be a path inside the repository")
	check(m.Old != m.New, "no line begins with - or +: it changes nothing")
	check(m.Old != "", "no line begins with - or a space: the change has no place")
	check(slices.Contains([]Catcher{ByEither, ByTests, BySimulation}, m.CaughtBy), "caught_by must be tests or simulate, or be left out")
	check((len(m.Tests) == 0) == (m.CaughtBy == BySimulation), "tests must name those that catch it, unless caught_by is simulate")
	for _, t := range m.Tests {
		ok := pkgForm.MatchString(t.Package)
		for _, name := range t.Names {
			ok = ok && testForm.MatchString(name) && strings.Contains(name, "/") == t.parts() && (!t.parts() || test(name) == test(t.Names[0]))
		}
		check(ok, "tests must be a package and names, as ./internal/fleet TestLaunch, or of parts of one test, as TestLaunch/while_paused")
	}
	return found
}

// Apply makes the wrong change in the text of the mutant's file.
func (m Mutant) Apply(text string) (string, error) {
	lines, old := "\n"+text, "\n"+m.Old
	switch n := strings.Count(lines, old); n {
	case 1:
		return strings.Replace(lines, old, "\n"+m.New, 1)[1:], nil
	case 0:
		return "", fmt.Errorf("the code moved on: %s does not have the old lines; write the same wrong change for the new code, or take the mutant off the list if it has no meaning any more", m.File)
	default:
		return "", fmt.Errorf("the code moved on: %s has the old lines %d times; add lines around them until they are there once", m.File, n)
	}
}

package mutation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Verdict is what became of a mutant.
type Verdict string

const (
	Caught   Verdict = "caught"
	Survived Verdict = "survived"  // nothing catches it: a test is missing
	NotTried Verdict = "not tried" // only the simulation is to catch it, and that was left out
	Unusable Verdict = "error"     // the list is wrong, or the tests fail without any change
)

// Result is what a trial found of one mutant.
type Result struct {
	Mutant  Mutant
	Verdict Verdict
	// Detail names what caught it with the first line of the failure, or says what is
	// wrong.
	Detail string
	Took   time.Duration
}

// Trial tries mutants on a copy of a repository.
type Trial struct {
	Root      string // of the repository; nothing is changed there
	Mutants   []Mutant
	GoCommand string
	Histories int           // of the simulation for one mutant; 0 leaves it out
	Limit     time.Duration // of one run of tests or of the simulation
	Now       func() time.Time
}

// Run tries the mutants one after the other and hands each result to tell. It fails if
// the repository cannot be copied, or with the context's error.
func (t Trial) Run(ctx context.Context, tell func(Result)) error {
	scratch, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := copyTree(t.Root, scratch); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(scratch, simulator)); err != nil {
		t.Histories = 0 // this repository has no simulation
	}
	c := catchers{Trial: t, runs: runs{t.GoCommand, scratch, t.Limit}, sound: map[string]error{}}
	for _, m := range t.Mutants {
		began := t.Now()
		verdict, detail, err := c.try(ctx, m)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			verdict, detail = Unusable, err.Error()
		}
		tell(Result{m, verdict, detail, t.Now().Sub(began)})
	}
	return nil
}

// catchers are the tests and the simulation of a scratch copy.
type catchers struct {
	Trial
	runs  runs
	sound map[string]error // by package: whether its tests pass without any change
}

func (c catchers) try(ctx context.Context, m Mutant) (Verdict, string, error) {
	if m.CaughtBy == BySimulation && c.Histories == 0 {
		return NotTried, "only the simulation is to catch it, which was left out", nil
	}
	if found, err := c.tests(ctx, m); err != nil || found != (outcome{}) {
		return verdictOf(found), found.unusable + found.failed, err
	}
	if m.CaughtBy == ByTests || c.Histories == 0 {
		return Survived, "its tests do not catch it: " + m.Breaks, nil
	}
	if found, err := c.simulation(ctx, m); err != nil || found != (outcome{}) {
		return verdictOf(found), found.unusable + found.failed, err
	}
	return Survived, fmt.Sprintf("nothing catches it, nor do %d histories: %s", c.Histories, m.Breaks), nil
}

func verdictOf(found outcome) Verdict {
	if found.unusable != "" {
		return Unusable
	}
	return Caught
}

func (c catchers) tests(ctx context.Context, m Mutant) (outcome, error) {
	for _, t := range m.Tests {
		err := c.passes(t.Package, "the tests of "+t.Package, func() (outcome, error) { return c.runs.test(ctx, c.allIn(t.Package)) })
		if err != nil {
			return outcome{}, err
		}
	}
	return c.changed(m, func() (found outcome, err error) {
		for _, t := range m.Tests {
			if found, err = c.runs.test(ctx, t); err != nil || found != (outcome{}) {
				break
			}
		}
		return found, err
	})
}

func (c catchers) simulation(ctx context.Context, m Mutant) (outcome, error) {
	simulate := func() (outcome, error) { return c.runs.simulate(ctx, c.Histories) }
	if err := c.passes(simulator, "the simulation", simulate); err != nil {
		return outcome{}, err
	}
	return c.changed(m, simulate)
}

// changed does something while the copy has the wrong change.
func (c catchers) changed(m Mutant, do func() (outcome, error)) (outcome, error) {
	path := filepath.Join(c.runs.dir, m.File)
	text, err := os.ReadFile(path)
	if err != nil {
		return outcome{}, fmt.Errorf("the code moved on: %s is not there", m.File)
	}
	wrong, err := m.Apply(string(text))
	if err != nil {
		return outcome{}, err
	}
	if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
		return outcome{}, err
	}
	found, err := do()
	return found, errors.Join(err, os.WriteFile(path, text, 0o600))
}

// passes checks, once, that what should catch mutants passes without any: a test that
// fails anyway, or is not there, catches nothing.
func (c catchers) passes(key, what string, do func() (outcome, error)) error {
	err, known := c.sound[key]
	if !known {
		found, runErr := do()
		err = unsound(what, found, runErr)
		c.sound[key] = err
	}
	return err
}

func unsound(what string, found outcome, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s, without any change: %w", what, err)
	case found.unusable != "":
		return fmt.Errorf("%s, without any change: %s", what, found.unusable)
	case found.failed != "":
		return fmt.Errorf("%s fail without any change: %s", what, found.failed)
	}
	return nil
}

// allIn are all tests of a package that the mutants name.
func (c catchers) allIn(pkg string) Tests {
	all := Tests{Package: pkg}
	for _, m := range c.Mutants {
		for _, t := range m.Tests {
			switch {
			case t.Package != pkg:
			case len(t.Names) == 0:
				return t
			default:
				for _, name := range t.Names {
					all.Names = append(all.Names, test(name))
				}
			}
		}
	}
	slices.Sort(all.Names)
	all.Names = slices.Compact(all.Names)
	return all
}

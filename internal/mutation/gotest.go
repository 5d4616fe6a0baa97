package mutation

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// outcome is what tests or a simulation found.
type outcome struct {
	failed   string // what failed and how, "" if nothing did
	unusable string // why they say nothing: they do not compile, or there are none
}

// runs runs programs in one folder.
type runs struct {
	goCommand string
	dir       string
	limit     time.Duration // of one program
}

// test runs tests until the first one fails.
func (r runs) test(ctx context.Context, t Tests) (outcome, error) {
	// -trimpath keeps the scratch folder's name out of the build, so that Go's build cache
	// serves every package that did not change.
	args := []string{"test", "-json", "-trimpath", "-vet=off", "-failfast", "-timeout", (r.limit / 2).String()}
	if len(t.Names) > 0 {
		args = append(args, "-run", t.pattern())
	}
	stdout, stderr, err := r.run(ctx, r.goCommand, append(args, t.Package)...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	found, ran, readErr := readTests(stdout, t.parts())
	switch {
	case readErr != nil:
		return outcome{}, fmt.Errorf("read what go test %s printed: %w", t.Package, readErr)
	case found.failed == "" && found.unusable == "" && err != nil:
		found.unusable = "go test " + t.Package + " failed without a test: " + firstLine(string(stderr)+string(stdout))
	case found.failed == "" && found.unusable == "" && !ran:
		found.unusable = fmt.Sprintf("no test was run: does %s have %s?", t.Package, cmp.Or(strings.Join(t.Names, ", "), "any"))
	}
	return found, nil
}

// pattern is what go test's -run takes.
func (t Tests) pattern() string {
	if !t.parts() {
		return "^(" + strings.Join(t.Names, "|") + ")$"
	}
	var parts []string
	for _, name := range t.Names {
		parts = append(parts, regexp.QuoteMeta(strings.TrimPrefix(name, test(name)+"/")))
	}
	return "^" + test(t.Names[0]) + "$/^(" + strings.Join(parts, "|") + ")$"
}

// run runs a program. When the context ends, or the time for one program, it kills the
// program and all its children.
func (r runs) run(ctx context.Context, program string, args ...string) (stdout, stderr []byte, err error) {
	limited, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	cmd := exec.CommandContext(limited, program, args...)
	cmd.Dir = r.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	ownGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd); return nil }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("%s %s: it did not end within %s", filepath.Base(program), strings.Join(args, " "), r.limit)
	}
	return out.Bytes(), errs.Bytes(), err
}

// event is a line of go test -json (go doc test2json).
type event struct{ Action, Package, Test, Output string }

// readTests finds the first test that failed, and how. ran reports whether there was one
// at all, or a part of one if parts were asked for.
func readTests(printed []byte, parts bool) (found outcome, ran bool, err error) {
	failed, said, all := "", map[string]string{}, "" // what was said by each test, and by all
	lines := bufio.NewScanner(bytes.NewReader(printed))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e.Output = lines.Text() + "\n"
		}
		said[e.Test] += e.Output
		all += e.Output
		switch e.Action {
		case "build-fail":
			return outcome{unusable: "it does not compile: " + firstLine(all)}, ran, nil
		case "run":
			ran = ran || !parts || strings.Contains(e.Test, "/")
		case "fail": // of a package too, which then comes last
			failed = cmp.Or(failed, e.Test)
		}
	}
	// go test reports a panic for the test around the part that failed, or for no failed
	// test if tests took too long.
	how := cmp.Or(failureIn(said[failed]), failureIn(all))
	switch {
	case failed != "":
		found.failed = failed + ": " + cmp.Or(how, "it said nothing")
	case strings.HasPrefix(how, "panic: "):
		found.failed = how
	}
	return found, ran, lines.Err()
}

var failureForm = regexp.MustCompile(`(?m)^\s*([A-Za-z0-9_]+\.go:\d+: .*|panic: .*|fatal error: .*)$`)

// failureIn is the first line of a failure, "" if there is none.
func failureIn(said string) string {
	m := failureForm.FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	return clip(m[1])
}

var frameForm = regexp.MustCompile(`^(===|---|#|FAIL|ok )`)

// firstLine is the first line with words that is no frame of go test's.
func firstLine(said string) string {
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !frameForm.MatchString(line) {
			return clip(line)
		}
	}
	return "it said nothing"
}

const mostShown = 140 // characters of a failure

func clip(line string) string {
	if runes := []rune(line); len(runes) > mostShown {
		return string(runes[:mostShown-1]) + "…"
	}
	return line
}

// simulator is the program that plays seeded histories and ends with a status other than
// 0 when one breaks a rule. A line that begins with violation then names the rule and the
// seed.
const (
	simulator = "./internal/simulation/cmd/simulate"
	violation = "VIOLATION"
)

func simulatorArgs(histories int) []string {
	return []string{"-histories", strconv.Itoa(histories), "-stop", "-shrink", "0"}
}

// broken is the line that says which rule was broken, or else the first line.
func broken(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, violation) {
			return clip(strings.TrimSpace(line))
		}
	}
	return firstLine(said)
}

// simulate plays histories until one breaks a rule.
func (r runs) simulate(ctx context.Context, histories int) (outcome, error) {
	program := filepath.Join(r.dir, "build", "simulate")
	var exit *exec.ExitError
	if _, stderr, err := r.run(ctx, r.goCommand, "build", "-trimpath", "-o", program, simulator); errors.As(err, &exit) {
		return outcome{unusable: "the simulation does not compile: " + firstLine(string(stderr))}, nil
	} else if err != nil {
		return outcome{}, err
	}
	stdout, stderr, err := r.run(ctx, program, simulatorArgs(histories)...)
	switch {
	case errors.As(err, &exit):
		return outcome{failed: "simulation: " + broken(string(stdout)+string(stderr))}, nil
	case err != nil:
		return outcome{}, err
	}
	return outcome{}, nil
}

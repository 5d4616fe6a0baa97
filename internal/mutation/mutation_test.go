package mutation_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/mutation"
)

// toy is a module with a list of its own, in which one mutant never comes to an end.
const (
	toy     = "testdata/toy"
	endless = "it-never-ends"
)

// trial tries mutants of the toy.
func trial(t *testing.T, histories int, wanted func(name string) bool) mutation.Trial {
	t.Helper()
	mutants, err := mutation.Load(os.DirFS(filepath.Join(toy, "list")))
	if err != nil {
		t.Fatal(err)
	}
	mutants = slices.DeleteFunc(mutants, func(m mutation.Mutant) bool { return !wanted(m.Name) })
	t.Setenv("TMPDIR", t.TempDir()) // where the copy is made
	return mutation.Trial{Root: toy, Mutants: mutants, GoCommand: "go", Histories: histories, Limit: 4 * time.Minute, Now: time.Now}
}

func nothingIsLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "mutation-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
}

func TestWhatBecomesOfAMutant(t *testing.T) {
	want := map[string]struct {
		verdict mutation.Verdict
		detail  string
	}{
		"a-test-catches-it":                  {mutation.Caught, "TestEnter/full: room_test.go:9: 4 guests after 3"},
		"a-panic-catches-it":                 {mutation.Caught, "TestEnter/full: panic: no room"},
		"nothing-catches-it":                 {mutation.Survived, "its tests do not catch it: The room has one place too many."},
		"the-simulation-catches-it":          {mutation.Caught, `simulation: guests leave one by one: broken in the history of seed 7, played as ["-histories" "5" "-stop" "-shrink" "0"]`},
		"only-the-simulation-is-to-catch-it": {mutation.Caught, "simulation: guests leave one by one"},
		"it-does-not-compile":                {mutation.Unusable, "it does not compile: room/room.go:12:"},
		"the-text-is-not-there":              {mutation.Unusable, "the code moved on: room/room.go does not have the old lines"},
		"the-text-is-there-twice":            {mutation.Unusable, "the code moved on: room/room.go has the old lines 2 times"},
		"the-file-is-not-there":              {mutation.Unusable, "the code moved on: room/hall.go is not there"},
		"its-test-is-not-there":              {mutation.Unusable, "no test was run: does ./room have TestHall?"},
		"its-test-fails-anyway":              {mutation.Unusable, "the tests of ./broken fail without any change: TestAnswer: broken_test.go:7: 41 is not the answer"},
	}
	tried := trial(t, 5, func(name string) bool { return name != endless })
	err := tried.Run(t.Context(), func(r mutation.Result) {
		w, ok := want[r.Mutant.Name]
		if !ok || r.Verdict != w.verdict || !strings.HasPrefix(r.Detail, w.detail) {
			t.Errorf("%s: %s: %s\nwant %s: %s", r.Mutant.Name, r.Verdict, r.Detail, w.verdict, w.detail)
		}
		delete(want, r.Mutant.Name)
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; not tried: %v", err, want)
	}
	nothingIsLeft(t)
}

func TestWithoutTheSimulation(t *testing.T) {
	got := map[string]string{}
	tried := trial(t, 0, func(name string) bool { return strings.Contains(name, "the-simulation") })
	err := tried.Run(t.Context(), func(r mutation.Result) { got[r.Mutant.Name] = string(r.Verdict) + ": " + r.Detail })
	want := map[string]string{
		"the-simulation-catches-it":          "survived: its tests do not catch it: Guests leave two by two.",
		"only-the-simulation-is-to-catch-it": "not tried: only the simulation is to catch it, which was left out",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A test that is under way calls back, so it is known to run when the context ends; its
// connection ends with it.
func TestInterrupted(t *testing.T) {
	called, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer called.Close()
	t.Setenv("TOY_ADDRESS", called.Addr().String())
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	tried := trial(t, 0, func(name string) bool { return name == endless })
	go func() {
		ended <- tried.Run(ctx, func(r mutation.Result) { t.Errorf("there is a result: %+v", r) })
	}()
	conn, err := called.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	interrupt()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the trial ended with %v", err)
	}
	if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the test under way: %v", err)
	}
	nothingIsLeft(t)
}

func TestReport(t *testing.T) {
	mutants := []mutation.Mutant{{Name: "short", Breaks: "It is short."}, {Name: "a-longer-one", Breaks: "It is longer."}}
	var printed bytes.Buffer
	mutation.List(&printed, mutants)
	report := mutation.Report{To: &printed, Mutants: mutants}
	report.Tell(mutation.Result{Mutant: mutants[0], Verdict: mutation.Caught, Detail: "TestShort: x_test.go:7: no", Took: 1500 * time.Millisecond})
	allCaught := report.End()
	report.Tell(mutation.Result{Mutant: mutants[1], Verdict: mutation.Survived, Detail: "nothing catches it", Took: 12 * time.Second})
	want := `short         It is short.
a-longer-one  It is longer.
caught     short            1.5s  TestShort: x_test.go:7: no
1 caught, 0 survived, 0 not tried, 0 errors in 2s
survived   a-longer-one    12.0s  nothing catches it
`
	if diff := cmp.Diff(want, printed.String()); diff != "" || !allCaught || report.End() {
		t.Errorf("all were caught: %t\n%s", allCaught, diff)
	}
}

func TestSelect(t *testing.T) {
	all := []mutation.Mutant{{Name: "claim-a"}, {Name: "claim-b"}, {Name: "end-a"}}
	for pattern, want := range map[string]int{"": 3, "claim-*": 2, "end-a": 1, "x*": 0, "[": 0} {
		some, err := mutation.Select(all, pattern)
		if len(some) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %+v, %v", pattern, some, err)
		}
	}
}

func TestAListWithMistakes(t *testing.T) {
	const head, change = "breaks: It breaks.\nfile: a.go\ntests: ./a TestA\n", "\n-a\n+b\n"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                {"# words\n", "the list has no mutants"},
		"words at the beginning": {"words\n", `"words" stands before the first mutant`},
		"no sentence":            {"== a\nbreaks: It breaks\nfile: a.go\ntests: ./a\n" + change, "breaks must be a sentence"},
		"a bad name":             {"== A b\n" + head + change, "a name is small letters, digits and dashes"},
		"twice":                  {"== a\n" + head + change + "\n== a\n" + head + change, "another mutant has this name"},
		"an unknown key":         {"== a\n" + head + "test: x\n" + change, `"test: x" is none of breaks, file, tests and caught_by`},
		"a file elsewhere":       {"== a\nbreaks: It breaks.\nfile: ../a.go\ntests: ./a\n" + change, "file must be a path inside the repository"},
		"no change":              {"== a\n" + head + "\n a\n", "it changes nothing"},
		"only new lines":         {"== a\n" + head + "\n+a\n", "the change has no place"},
		"a line without a sign":  {"== a\n" + head + "\nx\n", `"x" begins with none of space, - and +`},
		"a bad catcher":          {"== a\n" + head + "caught_by: luck\n" + change, "caught_by must be tests or simulate"},
		"no tests":               {"== a\nbreaks: It breaks.\nfile: a.go\n" + change, "tests must name those that catch it"},
		"a flag for a package":   {"== a\nbreaks: It breaks.\nfile: a.go\ntests: -exec x\n" + change, "tests must be a package and names"},
		"parts of two tests":     {"== a\nbreaks: It breaks.\nfile: a.go\ntests: ./a TestA/b TestB/b\n" + change, "tests must be a package and names"},
		"a pattern for a test":   {"== a\nbreaks: It breaks.\nfile: a.go\ntests: ./a Test.*\n" + change, "tests must be a package and names"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mutation.Load(fstest.MapFS{"x.diff": {Data: []byte(c.text)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// An editor takes the space of an empty line away, and a change may need one.
func TestApply(t *testing.T) {
	list := "== a\nbreaks: It breaks.\nfile: a.go\ntests: ./a\n\n one\n\n-two\n+three\n+\n"
	mutants, err := mutation.Load(fstest.MapFS{"x.diff": {Data: []byte(list)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := mutants[0].Apply("zero\none\n\ntwo\nfour\n")
	if want := "zero\none\n\nthree\n\nfour\n"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

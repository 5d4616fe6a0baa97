package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
)

func TestRun(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "scenario.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const calm = "name: calm\njobs: [{at: 10s, takes: 1m}]\n"
	for name, c := range map[string]struct {
		args           []string
		status         int
		stdout, stderr string // that begin or contain so; "" is nothing at all
	}{
		"help":                       {[]string{"-help"}, 0, "", "Exit status: 0 if every rule held"},
		"a flag that there is not":   {[]string{"-sead", "1"}, 2, "", "flag provided but not defined: -sead"},
		"a word too many":            {[]string{"scenario.yaml"}, 2, "", `simulate: "scenario.yaml" is no flag; see -help`},
		"two kinds of histories":     {[]string{"-warm", "-organization"}, 2, "", "simulate: use -warm or -organization, not both"},
		"a seed that is no number":   {[]string{"-seed", "x"}, 2, "", "invalid value"},
		"a file that there is not":   {[]string{"-scenario", "/nowhere/a.yaml"}, 2, "", "simulate: open /nowhere/a.yaml"},
		"a file that is no scenario": {[]string{"-scenario", file("jobs: []\n")}, 2, "", "it has no name"},
		"the faults":                 {[]string{"-faults"}, 0, "github.webhook_lost        loses a webhook", ""},
		"one seed":                   {[]string{"-seed", "1"}, 0, "name: seed 1\n", ""},
		"one seed with its trace":    {[]string{"-seed", "1", "-trace"}, 0, " is queued with ", ""},
		"a scenario that holds":      {[]string{"-scenario", file(calm)}, 0, "1 of 1 jobs ran; 1 executions, 1 tasks, ", ""},
		"a scenario from a seed":     {[]string{"-scenario", file(calm), "-seed", "7"}, 0, "1 of 1 jobs ran; 1 executions, 1 tasks, ", ""},
		"a scenario that does not":   {[]string{"-scenario", file(calm + "expect: [tasks == 2]\n")}, 1, "VIOLATION expected: tasks are 1, want == 2", ""},
		"some seeds":                 {[]string{"-histories", "3", "-first", "5", "-workers", "2"}, 0, "seeds 5 to 7: 3 histories in ", ""},
		"no time":                    {[]string{"-histories", "3", "-time", "1ns"}, 1, "the time of 1ns was over before one history was played", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(c.args, &stdout, &stderr)
			if status != c.status || !shows(stdout.String(), c.stdout) || !shows(stderr.String(), c.stderr) {
				t.Errorf("status %d, want %d\nstdout: %s\nwant: %s\nstderr: %s\nwant: %s", status, c.status, &stdout, c.stdout, &stderr, c.stderr)
			}
		})
	}
}

func shows(text, want string) bool {
	return (text == "") == (want == "") && strings.Contains(text, want)
}

func TestNeverStruck(t *testing.T) {
	b := &simulation.Batch{Faults: map[string]int{}}
	for _, kind := range simulation.Kinds[1:] {
		b.Faults[kind.Name] = 1
	}
	if got := neverStruck(b); !slices.Equal(got, []string{simulation.Kinds[0].Name}) {
		t.Errorf("%q never struck, want %s alone", got, simulation.Kinds[0].Name)
	}
}

// A violation that was not known is printed with its seed, and shrunk.
func TestReport(t *testing.T) {
	b := &simulation.Batch{New: map[uint64][]simulation.Violation{
		7: {{Rule: "lost job", What: "nobody has it"}}, 9: {{Rule: "lost job", What: "nor this"}},
	}}
	var out bytes.Buffer
	report(&out, b, options{shrink: 1}, simulation.Plan{Draw: simulation.History})
	for _, want := range []string{
		"VIOLATION seed 7: lost job: nobody has it", "VIOLATION seed 9: lost job: nor this", "violations by rule:\n  lost job                            2\n",
		`the shortest history found that breaks "lost job", from seed 7`, "-seed 7 -trace", "name: seed 7\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

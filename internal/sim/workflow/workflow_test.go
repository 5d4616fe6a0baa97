package workflow_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/workflow"
)

var run = workflow.Run{ID: 20000000007, Attempt: 2, Repository: "octo/widgets"}

func parse(t *testing.T, content string) []sim.JobSpec {
	t.Helper()
	w, err := workflow.Parse("w.yml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return w.Jobs(run)
}

func TestJobs(t *testing.T) {
	got := parse(t, `
name: CI
on:
  push:
    branches: [main]
env: {COLOR: green}
jobs:
  build:
    runs-on: [self-hosted, "class:${{ matrix.class }}"]
    strategy:
      matrix:
        class: [small, large]
        go: [1.26]
    env:
      WHERE: ${{ github.repository }}/${{ matrix.class }}
    steps:
      - run: |
          echo ${{ env.COLOR }} ${{github.run_id}}.${{ github.run_attempt }}
          echo more
        env:
          COLOR: not ${{ env.COLOR }}
      - name: Tidy ${{ github.job }} of ${{ github.workflow }}
        run: rm -rf x
        shell: sh
        working-directory: sub
        if: ${{ always() }}
        continue-on-error: true
        timeout-minutes: 1.5
  last:
    name: The last
    runs-on: self-hosted
    steps: [{run: "true"}]
`)
	build := func(class string) sim.JobSpec {
		return sim.JobSpec{
			RunID: run.ID, Attempt: 2, Workflow: "CI", Key: "build", Name: "build (" + class + ", 1.26)",
			Labels: []string{"self-hosted", "class:" + class},
			Env:    map[string]string{"COLOR": "green", "WHERE": "octo/widgets/" + class},
			Steps: []sim.StepSpec{
				{Run: "echo not green 20000000007.2\necho more\n", Env: map[string]string{"COLOR": "not green"}},
				{
					Name: "Tidy build of CI", Run: "rm -rf x", Shell: "sh", WorkingDirectory: "sub", Env: map[string]string{},
					If: "always()", ContinueOnError: true, Timeout: 90 * time.Second,
				},
			},
		}
	}
	want := []sim.JobSpec{build("small"), build("large"), {
		RunID: run.ID, Attempt: 2, Workflow: "CI", Key: "last", Name: "The last", Labels: []string{"self-hosted"},
		Env:   map[string]string{"COLOR": "green"},
		Steps: []sim.StepSpec{{Run: "true", Env: map[string]string{}}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMatrixNames(t *testing.T) {
	for name, tc := range map[string]struct {
		name string
		want []string
	}{
		"without a name, values follow the id":              {"", []string{"j (1, a)", "j (1, b)", "j (2, a)", "j (2, b)"}},
		"values follow a name that does not mention them":   {"name: N", []string{"N (1, a)", "N (1, b)", "N (2, a)", "N (2, b)"}},
		"a name that mentions the matrix stands for itself": {"name: 'N ${{ matrix.x }}'", []string{"N 1", "N 1", "N 2", "N 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, spec := range parse(t, "jobs: {j: {"+strings.TrimPrefix(tc.name+", ", ", ")+
				"runs-on: x, strategy: {matrix: {x: [1, 2], y: [a, b]}}, steps: [{run: a}]}}") {
				got = append(got, spec.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	const jobs = "jobs:\n  j:\n    runs-on: x\n"
	for name, tc := range map[string]struct {
		content string
		want    []string
	}{
		"what only GitHub can do is refused by name": {
			jobs + "    needs: other\n    container: alpine\n    services: {}\n    steps:\n      - uses: actions/checkout@v4\n",
			[]string{
				"w.yml:4: jobs.j.needs is not supported: known are name, runs-on, env, steps, strategy",
				"w.yml:5: jobs.j.container is not supported: known are name, runs-on, env, steps, strategy",
				"w.yml:6: jobs.j.services is not supported: known are name, runs-on, env, steps, strategy",
				"w.yml:8: jobs.j.steps[0].uses is not supported: known are name, run, env, working-directory, shell, if, continue-on-error, timeout-minutes",
				"w.yml:8: jobs.j.steps[0] has no run",
			}},
		"expressions are values only": {
			jobs + "    steps:\n      - run: echo ${{ secrets.TOKEN }}\n      - run: echo ${{ github.sha }}\n      - run: echo ${{ matrix.os }}\n" +
				"      - run: echo ${{ env.NOPE }}\n      - run: echo ${{ github.run_id\n",
			[]string{
				`w.yml:5: jobs.j.steps[0].run: expression "secrets.TOKEN" is not supported: use github.X, matrix.X or env.X alone`,
				"w.yml:6: jobs.j.steps[1].run: github.sha is not supported: known are github.run_id, github.run_attempt, github.repository, github.job, github.workflow",
				"w.yml:7: jobs.j.steps[2].run: matrix.os is not in strategy.matrix",
				"w.yml:8: jobs.j.steps[3].run: env.NOPE is not set by an env above it",
				`w.yml:9: jobs.j.steps[4].run: "${{" has no "}}"`,
			}},
		"env is known in steps only": {
			"env: {A: b}\njobs:\n  j:\n    runs-on: ${{ env.A }}\n    steps: [{run: a}]\n",
			[]string{"w.yml:4: jobs.j.runs-on: env.A is known in steps only"}},
		"words must be known": {
			jobs + "    steps:\n      - run: a\n        shell: pwsh\n        if: github.ref == 'x'\n        continue-on-error: maybe\n        timeout-minutes: soon\n",
			[]string{
				`w.yml:6: jobs.j.steps[0].shell "pwsh" is not supported: known are bash, sh`,
				`w.yml:7: jobs.j.steps[0].if "github.ref == 'x'" is not supported: known are always(), failure(), success()`,
				`w.yml:8: jobs.j.steps[0].continue-on-error "maybe" is not supported: known are true, false`,
				"w.yml:9: jobs.j.steps[0].timeout-minutes must be a number above 0 and at most a day's",
			}},
		"a matrix is plain lists": {
			jobs + "    strategy:\n      fail-fast: false\n      matrix:\n        include: [{a: b}]\n        os: linux\n        x: [{a: b}]\n    steps: [{run: a}]\n",
			[]string{
				"w.yml:5: jobs.j.strategy.fail-fast is not supported: known are matrix",
				"w.yml:7: jobs.j.strategy.matrix.include is not supported",
				"w.yml:8: jobs.j.strategy.matrix.os must be a list of values",
				"w.yml:9: jobs.j.strategy.matrix.x must be a plain value",
			}},
		"a matrix has a limit": {
			jobs + "    strategy: {matrix: {a: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17], b: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}}\n    steps: [{run: a}]\n",
			[]string{"w.yml:4: jobs.j.strategy.matrix makes more than 256 jobs"}},
		"a job needs labels and steps": {
			"jobs:\n  a:\n    steps: []\n  b:\n    runs-on: []\n  1x:\n    runs-on: x\n    steps: [{run: a}]\n",
			[]string{
				"w.yml:2: jobs.a has no runs-on",
				"w.yml:3: jobs.a.steps must be a list of steps",
				"w.yml:4: jobs.b has no steps",
				"w.yml:5: jobs.b.runs-on has no labels",
				`w.yml:6: job id "1x" must begin with a letter or _ and go on with letters, digits, - and _`,
			}},
		"a runner group is not a label":    {"jobs:\n  j:\n    runs-on: {group: g}\n    steps: [{run: a}]\n", []string{"w.yml:3: jobs.j.runs-on must be a plain value"}},
		"permissions are GitHub's":         {"permissions: {}\n" + jobs + "    steps: [{run: a}]\n", []string{"w.yml:1: workflow.permissions is not supported: known are name, on, env, jobs"}},
		"anchors are not followed":         {jobs + "    steps: &s [{run: a}]\n", []string{"w.yml:4: jobs.j.steps must be a list of steps"}},
		"an alias is not a value":          {"env: {A: &a b, C: *a}\n" + jobs + "    steps: [{run: a}]\n", []string{"w.yml:1: env.A: anchors, aliases, merges and tags are not supported", "w.yml:1: env.C: anchors, aliases, merges and tags are not supported"}},
		"a workflow has jobs":              {"name: x\n", []string{"w.yml:1: there are no jobs"}},
		"a list is not a workflow":         {"- a\n", []string{"w.yml:1: workflow must be a mapping", "w.yml:1: there are no jobs"}},
		"nothing is not a workflow":        {"", []string{"w.yml:1: the file has 0 YAML documents instead of one workflow"}},
		"two documents are not a workflow": {"a: b\n---\nc: d\n", []string{"w.yml:1: the file has 2 YAML documents instead of one workflow"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workflow.Parse("w.yml", []byte(tc.content))
			problems, ok := errors.AsType[workflow.Problems](err)
			if !ok {
				t.Fatalf("error is %v, want Problems", err)
			}
			if diff := cmp.Diff(strings.Join(tc.want, "\n"), problems.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	const good = "jobs: {j: {runs-on: x, steps: [{run: a}]}}\n"
	indented := ""
	for i := range 65 {
		indented += strings.Repeat(" ", i) + "a:\n"
	}
	for name, tc := range map[string]struct{ content, want string }{
		"a long comment is read":             {good + "#" + strings.Repeat("x", 1<<20-len(good)-1), ""},
		"a longer file is not":               {good + "#" + strings.Repeat("x", 1<<20-len(good)), "w.yml:1: the file is longer than 1048576 bytes"},
		"brackets in a text are text":        {"jobs: {j: {runs-on: x, steps: [{run: '" + strings.Repeat("[", 1000) + "'}]}}", ""},
		"brackets one after the other":       {"on: [" + strings.Repeat("[a], ", 1000) + "]\n" + good, ""},
		"brackets in each other":             {"on:\n  " + strings.Repeat("[", 65), "w.yml:2: the file is nested deeper than 64 levels"},
		"brackets on lines of their own":     {strings.Repeat("- [\n", 5000), "w.yml:32: the file is nested deeper than 64 levels"},
		"dashes on one line":                 {strings.Repeat("- ", 65) + "a", "w.yml:1: the file is nested deeper than 64 levels"},
		"keys on one line":                   {strings.Repeat("a: ", 65), "w.yml:1: the file is nested deeper than 64 levels"},
		"indented keys":                      {indented, "w.yml:64: the file is nested deeper than 64 levels"},
		"keys below each other are not deep": {"on:\n" + strings.Repeat("  - a\n", 1000) + good, ""},
		"a list without an end":              {"on: [" + strings.Repeat("a,", 100_000), "w.yml:1: the file has more than 20000 keys, values and punctuation marks"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if _, err := workflow.Parse("w.yml", []byte(tc.content)); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("error is %.200q, want %q", got, tc.want)
			}
		})
	}
}

func TestWhatIsNotYAMLNamesTheLine(t *testing.T) {
	for name, content := range map[string]string{
		"a key that comes twice": "jobs: {}\nname: a\nname: b\n",
		"an open bracket":        "name: a\n\njobs: [\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workflow.Parse("w.yml", []byte(content))
			if err == nil || !strings.HasPrefix(err.Error(), "w.yml:3: not YAML: ") {
				t.Errorf("error is %v, want one on line 3", err)
			}
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone.yml")
	if _, err := workflow.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v", err)
	}
}

func TestExamples(t *testing.T) {
	want := map[string][]string{
		"build.yml":   {"lint", "test unit", "test integration", "package"},
		"images.yml":  {"node", "go"},
		"failing.yml": {"unlucky"},
	}
	paths, err := filepath.Glob("../../../examples/workflows/*.yml")
	if err != nil || len(paths) != len(want) {
		t.Fatalf("examples are %v, %v", paths, err)
	}
	for _, path := range paths {
		w, err := workflow.Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		var names []string
		for _, spec := range w.Jobs(run) {
			names = append(names, spec.Name)
		}
		if diff := cmp.Diff(want[filepath.Base(path)], names); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("jobs: {j: {runs-on: x, steps: [{run: '${{ github.run_id }}'}]}}")
	f.Add("jobs:\n  j:\n    runs-on: [a, b]\n    strategy: {matrix: {x: [1, 2]}}\n    steps:\n      - run: |\n          a\n")
	// Beginnings of what is slow to parse when it is long; TestLimits has the rest.
	for _, slow := range []string{"- [\n", "a, ", "- - ", "? - ", "\"", "]", "- &a !b\n", "- #\n"} {
		f.Add("on: [" + strings.Repeat(slow, 70))
		f.Add(strings.Repeat(slow, 30))
	}
	f.Fuzz(func(t *testing.T, content string) {
		w, err := workflow.Parse("w.yml", []byte(content))
		if err != nil {
			return
		}
		for _, spec := range w.Jobs(run) {
			if len(spec.Labels) == 0 || len(spec.Steps) == 0 {
				t.Errorf("a job without labels or steps was accepted: %+v", spec)
			}
		}
	})
}

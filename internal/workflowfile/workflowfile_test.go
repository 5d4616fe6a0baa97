package workflowfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workflowfile"
)

type ask = workflowfile.Ask

func one(labels ...string) []ask { return []ask{{Labels: labels, Jobs: 1}} }

func atRunTime(text string, jobs int) ask { return ask{Unknown: text, Jobs: jobs} }

func TestRunsOn(t *testing.T) {
	for name, c := range map[string]struct {
		job  string // what is below its id
		want []ask
	}{
		"a label by itself":                  {"runs-on: ubuntu-latest", one("ubuntu-latest")},
		"a list":                             {"runs-on: [self-hosted, class:small, image:node:22]", one("self-hosted", "class:small", "image:node:22")},
		"a list of lines":                    {"runs-on:\n  - self-hosted\n  - class:small", one("self-hosted", "class:small")},
		"a number":                           {"runs-on: [4100]", one("4100")},
		"a folded scalar has its line end":   {"runs-on: >\n  class:small\nsteps: []", one("class:small\n")},
		"several labels in one item":         {"runs-on: self-hosted class:small", one("self-hosted class:small")},
		"a group":                            {"runs-on: {group: large}", []ask{{Group: "large", Jobs: 1}}},
		"a group and a label":                {"runs-on:\n  group: large\n  labels: linux", []ask{{Group: "large", Labels: []string{"linux"}, Jobs: 1}}},
		"a group and labels within braces":   {"runs-on: {group: large, labels: [linux, image:node:22, image:python:3.10]}", []ask{{Group: "large", Labels: []string{"linux", "image:node:22", "image:python:3.10"}, Jobs: 1}}},
		"no value":                           {"runs-on:", one("")},
		"an anchor":                          {"env: &labels [self-hosted, linux]\nruns-on: *labels", one("self-hosted", "linux")},
		"an expression":                      {"runs-on: ${{ inputs.runner }}", []ask{atRunTime("${{ inputs.runner }}", 1)}},
		"an expression in a list":            {"runs-on: [self-hosted, '${{ vars.SIZE }}']", []ask{atRunTime("${{ vars.SIZE }}", 1)}},
		"an expression in a label":           {"runs-on: [self-hosted, 'class:${{ vars.SIZE }}']", []ask{atRunTime("${{ vars.SIZE }}", 1)}},
		"an expression in a run label":       {"runs-on: [linux, 'run:${{ github.run_id }}-${{ matrix.n }}']", one("linux", "run:…-…")},
		"a literal":                          {"runs-on: ${{ 'it''s' }}", one("it's")},
		"a list as JSON":                     {`runs-on: ${{ fromJSON('["self-hosted", "linux"]') }}`, one("self-hosted", "linux")},
		"a choice":                           {"runs-on: ${{ github.ref == 'refs/heads/main' && 'a' || 'b' }}", []ask{atRunTime("${{ github.ref == 'refs/heads/main' && 'a' || 'b' }}", 1)}},
		"a matrix of labels":                 {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {os: [ubuntu-latest, macos-14]}}", []ask{{Labels: []string{"ubuntu-latest"}, Jobs: 1}, {Labels: []string{"macos-14"}, Jobs: 1}}},
		"in another case":                    {"runs-on: ${{ Matrix.OS }}\nstrategy: {matrix: {os: [linux]}}", one("linux")},
		"a matrix within a label":            {"runs-on: [self-hosted, 'class:${{ matrix.size }}']\nstrategy: {matrix: {size: [small, large], n: [1, 2]}}", []ask{{Labels: []string{"self-hosted", "class:small"}, Jobs: 2}, {Labels: []string{"self-hosted", "class:large"}, Jobs: 2}}},
		"a matrix of lists":                  {"runs-on: ${{ matrix.on }}\nstrategy: {matrix: {on: [[self-hosted, linux], ubuntu-latest]}}", []ask{{Labels: []string{"self-hosted", "linux"}, Jobs: 1}, {Labels: []string{"ubuntu-latest"}, Jobs: 1}}},
		"a matrix of mappings":               {"runs-on: ${{ matrix.of.on }}\nstrategy:\n  matrix:\n    of:\n    - {on: linux, x: 1}\n    - {on: windows-2025}", []ask{{Labels: []string{"linux"}, Jobs: 1}, {Labels: []string{"windows-2025"}, Jobs: 1}}},
		"a matrix of JSON":                   {"runs-on: ${{ fromJSON(matrix.on) }}\nstrategy: {matrix: {on: ['[\"linux\", \"x64\"]']}}", one("linux", "x64")},
		"a matrix of included jobs alone":    {"runs-on: ${{ matrix.on }}\nstrategy:\n  matrix:\n    include:\n    - on: linux\n    - on: macos-14", []ask{{Labels: []string{"linux"}, Jobs: 1}, {Labels: []string{"macos-14"}, Jobs: 1}}},
		"what is included is added":          {"runs-on: ['class:${{ matrix.size }}']\nstrategy: {matrix: {go: [a, b], include: [{go: a, size: small}, {go: b, size: large}, {go: c, size: arm}]}}", []ask{{Labels: []string{"class:small"}, Jobs: 1}, {Labels: []string{"class:large"}, Jobs: 1}, {Labels: []string{"class:arm"}, Jobs: 1}}},
		"to all that it does not contradict": {"runs-on: ['class:${{ matrix.size }}']\nstrategy: {matrix: {go: [a, b], include: [{size: small}, {go: b, size: large}]}}", []ask{{Labels: []string{"class:small"}, Jobs: 1}, {Labels: []string{"class:large"}, Jobs: 1}}},
		"what is excluded is left out":       {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {os: [linux, macos-14], go: [1, 2], exclude: [{os: macos-14, go: 1}]}}", []ask{{Labels: []string{"linux"}, Jobs: 2}, {Labels: []string{"macos-14"}, Jobs: 1}}},
		"a value that the job has not":       {"runs-on: [self-hosted, '${{ matrix.extra }}']\nstrategy: {matrix: {go: [1]}}", one("self-hosted", "")},
		"a matrix at run time":               {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: '${{ fromJSON(needs.a.outputs.m) }}'}", []ask{atRunTime("${{ matrix.os }}", 1)}},
		"an axis at run time":                {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {os: '${{ fromJSON(inputs.os) }}', n: [1, 2]}}", []ask{atRunTime("${{ fromJSON(inputs.os) }}", 2)}},
		"a value at run time":                {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {os: [linux, '${{ inputs.os }}']}}", []ask{{Labels: []string{"linux"}, Jobs: 1}, atRunTime("${{ inputs.os }}", 1)}},
		"included jobs at run time":          {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {os: [linux], include: '${{ fromJSON(inputs.os) }}'}}", []ask{{Labels: []string{"linux"}, Jobs: 1}, atRunTime("${{ fromJSON(inputs.os) }}", 1)}},
		"included at run time alone":         {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {include: '${{ fromJSON(inputs.os) }}'}}", []ask{atRunTime("${{ fromJSON(inputs.os) }}", 1)}},
		"an item included at run time":       {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {include: [{os: linux}, '${{ fromJSON(inputs.os) }}']}}", []ask{{Labels: []string{"linux"}, Jobs: 1}, atRunTime("${{ fromJSON(inputs.os) }}", 1)}},
		"such an item alone":                 {"runs-on: ['class:${{ matrix.size }}']\nstrategy: {matrix: {include: ['${{ fromJSON(inputs.os) }}']}}", []ask{atRunTime("${{ matrix.size }}", 1)}},
		"a value that may be included":       {"runs-on: ['class:${{ matrix.size }}']\nstrategy: {matrix: {go: [a, b], include: '${{ fromJSON(inputs.os) }}'}}", []ask{atRunTime("${{ matrix.size }}", 3)}},
		"a value that may be overwritten":    {"runs-on: ['class:${{ matrix.size }}']\nstrategy: {matrix: {go: [a], include: [{size: small}, '${{ fromJSON(inputs.os) }}']}}", []ask{atRunTime("${{ matrix.size }}", 2)}},
		"labels that no matrix changes":      {"runs-on: linux\nstrategy: {matrix: {include: '${{ fromJSON(inputs.os) }}'}}", one("linux")},
		"all excluded, and more included":    {"runs-on: ${{ matrix.os }}\nstrategy: {matrix: {go: [a], exclude: [{go: a}], include: '${{ fromJSON(inputs.os) }}'}}", []ask{atRunTime("${{ fromJSON(inputs.os) }}", 1)}},
		"a matrix that is too large":         {"runs-on: ['run:${{ matrix.a }}']\nstrategy: {matrix: {a: [" + strings.Repeat("1, ", 300) + "1]}}", one("run:…")},
	} {
		t.Run(name, func(t *testing.T) {
			text := "on: push\njobs:\n  build:\n    " + strings.ReplaceAll(c.job, "\n", "\n    ") + "\n"
			jobs, err := workflowfile.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if diff := cmp.Diff(c.want, jobs[0].Asks); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJobs(t *testing.T) {
	jobs, err := workflowfile.Parse([]byte(`# CI
on: push
jobs:
  build:
    steps: []
    runs-on: linux
  called:
    uses: ./.github/workflows/other.yml
    strategy: {matrix: {a: [1, 2]}}
  last:
    runs-on:
      - x64
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []workflowfile.Job{
		{ID: "build", Line: 6, Asks: one("linux")},
		{ID: "called", Line: 7, Calls: "./.github/workflows/other.yml"},
		{ID: "last", Line: 11, Asks: one("x64")},
	}
	if diff := cmp.Diff(want, jobs); diff != "" {
		t.Error(diff)
	}
}

func TestNoWorkflow(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
		says string
	}{
		"an empty file":           {"# nothing\n", 1, "is empty"},
		"no YAML":                 {"on: push\njobs: [\n", 2, "is not YAML"},
		"another file":            {"github_repo: o/r\n", 1, "has no jobs"},
		"a text":                  {"hello\n", 1, "has no jobs"},
		"jobs that are a list":    {"on: push\njobs:\n- build\n", 3, "jobs is no mapping"},
		"a job without runs-on":   {"on: push\njobs:\n  a:\n    steps: []\n", 3, `job "a" has neither runs-on nor uses`},
		"a list within a list":    {"on: push\njobs:\n  a:\n    runs-on: [self-hosted, '${{ matrix.on }}']\n    strategy: {matrix: {on: [[linux]]}}\n", 4, "a list within its list"},
		"a colon with a space":    {"on: push\njobs:\n  a:\n    runs-on: [self-hosted, class: small]\n", 4, "write class:small, without a space"},
		"aliases of aliases":      {bomb, 1, "too many values"},
		"a file that is too long": {strings.Repeat("#", 2<<20), 1, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workflowfile.Parse([]byte(c.text))
			problem, ok := errors.AsType[*workflowfile.Problem](err)
			if !ok || problem.Line != c.line || !strings.Contains(problem.Message, c.says) {
				t.Errorf("%v, want line %d: …%s…", err, c.line, c.says)
			}
		})
	}
}

// bomb is small, and its aliases stand for more than a machine has room for.
var bomb = func() string {
	text := "on: push\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		alias := fmt.Sprintf("*a%d, ", i)
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(alias, 10), ", "))
	}
	return text + "jobs: {a: {runs-on: *a12}}\n"
}()

func FuzzParse(f *testing.F) {
	f.Add("on: push\njobs:\n  a: &a\n    runs-on: [x, '${{ matrix.b.c }}']\n    strategy: {matrix: {b: [{c: 1}], include: [{d: *a}]}}\n")
	f.Add("jobs: {a: {runs-on: {group: g, labels: [image:node:22]}}}")
	f.Fuzz(func(t *testing.T, text string) {
		jobs, err := workflowfile.Parse([]byte(text))
		for _, job := range jobs {
			if err == nil && job.Calls == "" && job.Line < 1 {
				t.Errorf("job %q is in line %d", job.ID, job.Line)
			}
		}
	})
}

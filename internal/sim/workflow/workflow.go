// Package workflow reads a workflow file and returns its jobs for the simulated
// GitHub.
//
// It reads the part of the syntax that package standin can run, and refuses the
// rest by name instead of leaving it out: a file that it accepts means the same
// on GitHub. All problems of a file are reported at once.
package workflow

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// Workflow is a file that was read without problems.
type Workflow struct {
	Name string // "name", or the file's path as on GitHub

	env  variables
	jobs []job
}

type job struct {
	id     string
	name   text
	named  bool
	runsOn []text
	env    variables
	axes   []axis // of the matrix
	steps  []step
}

type axis struct {
	name   string
	values []string
}

type step struct {
	name, run, dir  text
	shell           string
	env             variables
	condition       string
	continueOnError bool
	timeout         time.Duration
}

type variable struct {
	name  string
	value text
}

type variables []variable

// Run is what a workflow's expressions can read about its run.
type Run struct {
	ID         int64
	Attempt    int
	Repository string
}

// Load reads a workflow file. Its error is of type Problems if the file could
// be read but not used.
func Load(path string) (*Workflow, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load workflow: %w", err)
	}
	return Parse(path, content)
}

// Problems is everything that is wrong with a file, in the order of its lines.
type Problems []Problem

// Problem is one thing that is wrong with a file.
type Problem struct {
	File string
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Error is one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Jobs returns the jobs of one run, one for each combination of a job's matrix,
// in the order of the file.
func (w *Workflow) Jobs(run Run) []sim.JobSpec {
	var specs []sim.JobSpec
	for _, j := range w.jobs {
		for _, matrix := range combinations(j.axes) {
			specs = append(specs, w.spec(j, matrix, run))
		}
	}
	return specs
}

func (w *Workflow) spec(j job, matrix []string, run Run) sim.JobSpec {
	scope := values{
		"github.run_id":      strconv.FormatInt(run.ID, 10),
		"github.run_attempt": strconv.Itoa(max(run.Attempt, 1)),
		"github.repository":  run.Repository,
		"github.workflow":    w.Name,
		"github.job":         j.id,
	}
	for i, axis := range j.axes {
		scope["matrix."+axis.name] = matrix[i]
	}

	name := j.id
	if j.named {
		name = j.name.in(scope)
	}
	if len(matrix) > 0 && !j.name.mentions("matrix.") {
		name += " (" + strings.Join(matrix, ", ") + ")"
	}
	env := w.env.in(scope)
	maps.Copy(env, j.env.in(scope))
	spec := sim.JobSpec{RunID: run.ID, Attempt: run.Attempt, Workflow: w.Name, Key: j.id, Name: name, Env: env}
	for _, label := range j.runsOn {
		spec.Labels = append(spec.Labels, label.in(scope))
	}
	outer := scope.with("env.", env)
	for _, s := range j.steps {
		env := s.env.in(outer)
		inner := outer.with("env.", env)
		spec.Steps = append(spec.Steps, sim.StepSpec{
			Name: s.name.in(inner), Run: s.run.in(inner), Shell: s.shell, WorkingDirectory: s.dir.in(inner), Env: env,
			If: s.condition, ContinueOnError: s.continueOnError, Timeout: s.timeout,
		})
	}
	return spec
}

func (v variables) in(scope values) map[string]string {
	env := map[string]string{}
	for _, variable := range v {
		env[variable.name] = variable.value.in(scope)
	}
	return env
}

func (v variables) has(name string) bool {
	return slices.ContainsFunc(v, func(other variable) bool { return other.name == name })
}

// combinations returns the values of every job of a matrix. As on GitHub, the
// last axis varies fastest. Without a matrix there is one job without values.
func combinations(axes []axis) [][]string {
	all := [][]string{nil}
	for _, axis := range axes {
		var longer [][]string
		for _, values := range all {
			for _, value := range axis.values {
				longer = append(longer, append(slices.Clone(values), value))
			}
		}
		all = longer
	}
	return all
}

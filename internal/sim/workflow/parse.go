package workflow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GitHub's limits.
// https://docs.github.com/actions/reference/limits
const maxMatrix = 256

var jobID = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// Parse is Load for content in memory. Problems name the file.
func Parse(file string, content []byte) (*Workflow, error) {
	r := &reader{file: file}
	w := &Workflow{Name: file}
	root, ok := r.document(content)
	if ok {
		r.workflow(root, w)
	}
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, r.problems
	}
	return w, nil
}

func (r *reader) workflow(root node, w *Workflow) {
	top := r.mapping(root, "workflow", "name", "on", "env", "jobs")
	if n, ok := top["name"]; ok {
		if name, ok := r.scalar(n, "name"); ok {
			w.Name = name
		}
	}
	w.env = r.variables(top["env"], "env", place{})
	jobs, ok := top["jobs"]
	if !ok {
		r.problem(root, "there are no jobs")
		return
	}
	for _, e := range r.entries(jobs, "jobs") {
		if !jobID.MatchString(e.key) {
			r.problem(e.at, "job id %q must begin with a letter or _ and go on with letters, digits, - and _", e.key)
		}
		w.jobs = append(w.jobs, r.job(e, w))
	}
	if len(w.jobs) == 0 {
		r.problem(jobs, "there are no jobs")
	}
}

func (r *reader) job(e entry, w *Workflow) job {
	what := "jobs." + e.key
	j := job{id: e.key}
	fields := r.mapping(e.value, what, "name", "runs-on", "env", "steps", "strategy")
	if fields == nil {
		return j
	}
	if strategy, ok := fields["strategy"]; ok {
		j.axes = r.strategy(strategy, what+".strategy")
	}
	here := place{matrix: j.axes}
	if n, ok := fields["name"]; ok {
		j.name, j.named = r.text(n, what+".name", here), true
	}
	j.env = r.variables(fields["env"], what+".env", here)

	runsOn, ok := fields["runs-on"]
	if !ok {
		r.problem(e.at, "%s has no runs-on", what)
	} else if labels, isList := r.list(runsOn); isList {
		for _, label := range labels {
			j.runsOn = append(j.runsOn, r.text(label, what+".runs-on", here))
		}
		if len(labels) == 0 {
			r.problem(runsOn, "%s.runs-on has no labels", what)
		}
	} else {
		j.runsOn = []text{r.text(runsOn, what+".runs-on", here)}
	}

	steps, ok := fields["steps"]
	if !ok {
		r.problem(e.at, "%s has no steps", what)
		return j
	}
	list, isList := r.list(steps)
	if !isList || len(list) == 0 {
		r.problem(steps, "%s.steps must be a list of steps", what)
		return j
	}
	here.inStep, here.env = true, []variables{w.env, j.env}
	for i, n := range list {
		j.steps = append(j.steps, r.step(n, what+".steps["+strconv.Itoa(i)+"]", here))
	}
	return j
}

// strategy reads the matrix: names with lists of plain values.
func (r *reader) strategy(n node, what string) []axis {
	matrix, ok := r.mapping(n, what, "matrix")["matrix"]
	if !ok {
		r.problem(n, "%s has no matrix", what)
		return nil
	}
	var axes []axis
	jobs := 1
	for _, e := range r.entries(matrix, what+".matrix") {
		list, isList := r.list(e.value)
		switch {
		case e.key == "include" || e.key == "exclude":
			r.problem(e.at, "%s.matrix.%s is not supported", what, e.key)
			continue
		case !isList || len(list) == 0:
			r.problem(e.at, "%s.matrix.%s must be a list of values", what, e.key)
			continue
		}
		a := axis{name: e.key}
		for _, n := range list {
			value, _ := r.scalar(n, what+".matrix."+e.key)
			if strings.Contains(value, "${{") {
				r.problem(n, "%s.matrix.%s: expressions are not supported here", what, e.key)
			}
			a.values = append(a.values, value)
		}
		axes = append(axes, a)
		if jobs <= maxMatrix {
			jobs *= len(list)
		}
	}
	if jobs > maxMatrix {
		r.problem(matrix, "%s.matrix makes more than %d jobs", what, maxMatrix)
	}
	return axes
}

func (r *reader) step(n node, what string, here place) step {
	var s step
	fields := r.mapping(n, what, "name", "run", "env", "working-directory", "shell", "if", "continue-on-error", "timeout-minutes")
	if fields == nil {
		return s
	}
	s.env = r.variables(fields["env"], what+".env", here)
	here.env = append(slices.Clone(here.env), s.env)
	for key, field := range map[string]*text{"name": &s.name, "run": &s.run, "working-directory": &s.dir} {
		if n, ok := fields[key]; ok {
			*field = r.text(n, what+"."+key, here)
		}
	}
	if _, ok := fields["run"]; !ok {
		r.problem(n, "%s has no run", what)
	}
	if n, ok := fields["shell"]; ok {
		s.shell = r.oneOf(n, what+".shell", "bash", "sh")
	}
	if n, ok := fields["continue-on-error"]; ok {
		s.continueOnError = r.oneOf(n, what+".continue-on-error", "true", "false") == "true"
	}
	if n, ok := fields["if"]; ok {
		s.condition = r.oneOf(n, what+".if", "always()", "failure()", "success()")
	}
	if n, ok := fields["timeout-minutes"]; ok {
		value, _ := r.scalar(n, what+".timeout-minutes")
		minutes, err := strconv.ParseFloat(value, 64)
		if err != nil || !(minutes > 0 && minutes <= 24*60) {
			r.problem(n, "%s.timeout-minutes must be a number above 0 and at most a day's", what)
			minutes = 0
		}
		s.timeout = time.Duration(minutes * float64(time.Minute))
	}
	return s
}

// oneOf reads a word out of several, with or without "${{ }}" around it.
func (r *reader) oneOf(n node, what string, words ...string) string {
	value, ok := r.scalar(n, what)
	if !ok {
		return ""
	}
	if inner, found := strings.CutPrefix(value, "${{"); found {
		value = strings.TrimSuffix(inner, "}}")
	}
	value = strings.TrimSpace(value)
	if !slices.Contains(words, value) {
		r.problem(n, "%s %q is not supported: known are %s", what, value, strings.Join(words, ", "))
	}
	return value
}

// variables reads an env; none is no problem.
func (r *reader) variables(n node, what string, here place) variables {
	if n == nil {
		return nil
	}
	var all variables
	for _, e := range r.entries(n, what) {
		all = append(all, variable{e.key, r.text(e.value, what+"."+e.key, here)})
	}
	return all
}

func (r *reader) text(n node, what string, here place) text {
	value, ok := r.scalar(n, what)
	if !ok {
		return text{}
	}
	t, problems := here.parse(value)
	for _, problem := range problems {
		r.problem(n, "%s: %s", what, problem)
	}
	return t
}

package workflowfile

import (
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// mostJobs is how many jobs a matrix can make
// (https://docs.github.com/en/actions/reference/limits).
const mostJobs = 256

// matrix is what a job's matrix makes: the values of each of its jobs. One whose values
// are known at run time alone has unknown ones. Without a matrix there is one job, which
// has no values: nil.
//
// How include and exclude work: https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
func (r reader) matrix(n ast.Node) []map[string]any {
	if n == nil {
		return []map[string]any{nil}
	}
	entries, ok := r.entries(n)
	if !ok { // an expression
		return []map[string]any{nil}
	}
	var include, exclude any
	axes := map[string]bool{}
	jobs := []map[string]any{{}}
	for _, e := range entries {
		v := r.value(e.value)
		switch e.key {
		case "include":
			include = v
			continue
		case "exclude":
			exclude = v
			continue
		}
		axes[e.key] = true
		values, ok := v.([]any)
		if !ok || len(values)*len(jobs) > mostJobs {
			values = []any{unknown("matrix." + e.key)}
			if text, ok := v.(string); ok {
				values[0] = unknown(text)
			}
		}
		jobs = product(jobs, e.key, values)
	}
	if len(axes) == 0 {
		jobs = nil
	}
	jobs = without(jobs, exclude)
	return with(jobs, include, axes)
}

func product(jobs []map[string]any, axis string, values []any) (out []map[string]any) {
	for _, job := range jobs {
		for _, v := range values {
			out = append(out, extended(job, map[string]any{axis: v}))
		}
	}
	return out
}

func extended(job, by map[string]any) map[string]any {
	out := map[string]any{}
	for key, v := range job {
		out[key] = v
	}
	for key, v := range by {
		out[key] = v
	}
	return out
}

// without leaves out the jobs that a list of combinations excludes.
func without(jobs []map[string]any, exclude any) (left []map[string]any) {
	list, _ := exclude.([]any)
	for _, job := range jobs {
		excluded := false
		for _, item := range list {
			combination, ok := item.(map[string]any)
			excluded = excluded || ok && fits(job, combination, nil)
		}
		if !excluded {
			left = append(left, job)
		}
	}
	return left
}

// with adds what is included: to each job of whose axes it changes none, or as a job of its
// own if there is no such job. What is included at run time may add to every job, and be
// jobs of its own.
func with(jobs []map[string]any, include any, axes map[string]bool) []map[string]any {
	list, ok := include.([]any)
	if text, is := include.(string); is && !ok {
		list = []any{text}
	}
	made := len(jobs) // those after it were included, and take nothing more
	for _, item := range list {
		if text, is := item.(string); is && expression.MatchString(text) {
			for i := range jobs[:made] {
				jobs[i] = opened(jobs[i], axes, unknown(text))
			}
			jobs = append(jobs, map[string]any{others: unknown(text)})
			continue
		}
		combination, ok := item.(map[string]any)
		if !ok {
			continue
		}
		taken := false
		for i := range jobs[:made] {
			if fits(jobs[i], combination, axes) {
				jobs[i], taken = extended(jobs[i], combination), true
			}
		}
		if !taken && len(jobs) < mostJobs {
			jobs = append(jobs, combination)
		}
	}
	return jobs
}

// others is what a job has at run time under all names that it does not have yet. No axis
// can be called so.
const others = "*"

// opened is a job to which more is added at run time: it keeps only the values of its axes.
func opened(job map[string]any, axes map[string]bool, u unknown) map[string]any {
	out := map[string]any{others: u}
	for axis := range axes {
		out[axis] = job[axis]
	}
	return out
}

// fits reports whether a job has the values of a combination, of the given axes or, if
// there are none, all of them.
func fits(job, combination map[string]any, axes map[string]bool) bool {
	for key, v := range combination {
		if (axes == nil || axes[key]) && !reflect.DeepEqual(job[key], v) {
			return false
		}
	}
	return true
}

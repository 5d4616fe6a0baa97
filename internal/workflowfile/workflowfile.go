// Package workflowfile reads from a workflow file what its jobs ask for by runs-on.
//
// It reads any workflow, and of it nothing else: what GitHub would refuse elsewhere is no
// problem here. Expressions are evaluated as far as the file itself says their value, which
// are those of a matrix. All others have their value at run time alone.
package workflowfile

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Job is one job of a workflow file.
type Job struct {
	ID    string
	Line  int    // of its runs-on, or of the job where it has none
	Calls string // the reusable workflow that it calls, which has runs-on of its own
	Asks  []Ask  // for one thing, or by its matrix for several
}

// Ask is what runs-on asks for.
type Ask struct {
	Labels []string
	Group  string // the runner group, "" if none is named
	Jobs   int    // of the matrix that ask for it
	// Unknown is the text whose value is known at run time alone, "" if all is known.
	// Labels are empty then.
	Unknown string
	// Wrong is why what stands there is no label, "" if it is one.
	Wrong string
}

// Problem is why a file is no workflow.
type Problem struct {
	Line    int // counted from 1
	Message string
}

func (p *Problem) Error() string { return fmt.Sprintf("line %d: %s", p.Line, p.Message) }

// mostBytes is what a file may have. GitHub's own limit is 512 KB.
const mostBytes = 1 << 20

// Parse reads the jobs of a workflow file in the order of the file. Its error is a
// *Problem.
func Parse(data []byte) ([]Job, error) {
	if len(data) > mostBytes {
		return nil, &Problem{1, fmt.Sprintf("the file has %d bytes, and a workflow at most %d", len(data), mostBytes)}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		problem := &Problem{1, "is not YAML"}
		if at, ok := errors.AsType[yaml.Error](err); ok {
			problem.Message += ": " + at.GetMessage()
			if token := at.GetToken(); token != nil && token.Position != nil {
				problem.Line = token.Position.Line
			}
		}
		return nil, problem
	}
	left := mostValues
	r := reader{anchors: map[string]ast.Node{}, left: &left}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		ast.Walk(r, doc.Body)
		jobs := r.entry(doc.Body, "jobs")
		if jobs == nil {
			return nil, &Problem{line(doc.Body), "has no jobs: is it a workflow?"}
		}
		read, err := r.jobs(jobs)
		if left < 0 {
			return nil, &Problem{1, "has too many values: is it a workflow?"}
		}
		return read, err
	}
	return nil, &Problem{1, "is empty"}
}

func (r reader) jobs(n ast.Node) (jobs []Job, err error) {
	entries, ok := r.entries(n)
	if !ok {
		return nil, &Problem{line(n), "jobs is no mapping of ids to jobs"}
	}
	for _, e := range entries {
		job := Job{ID: e.key, Line: e.line}
		if uses, _ := r.value(r.entry(e.value, "uses")).(string); uses != "" {
			job.Calls = uses
			jobs = append(jobs, job)
			continue
		}
		runsOn, at := r.entryAt(e.value, "runs-on")
		if runsOn == nil {
			return nil, &Problem{e.line, fmt.Sprintf("job %q has neither runs-on nor uses", e.key)}
		}
		job.Line = at
		job.Asks = asks(r.value(runsOn), r.matrix(r.entry(r.entry(e.value, "strategy"), "matrix")))
		for _, ask := range job.Asks {
			if ask.Wrong != "" {
				return nil, &Problem{at, fmt.Sprintf("job %q: %s", e.key, ask.Wrong)}
			}
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

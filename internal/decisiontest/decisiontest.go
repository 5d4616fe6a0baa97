// Package decisiontest is a table of jobs and of what policy says to them, each case a
// sentence. Whatever decides about jobs is held to the same table, so that all of it says
// the same.
package decisiontest

import (
	_ "embed"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

//go:embed labels.yaml
var labels []byte

// Case is one job and what is to be said to it.
type Case struct {
	It     string   `yaml:"it"` // a sentence
	Labels []string `yaml:"labels"`

	Verdict fleet.Verdict `yaml:"verdict"`
	Rule    string        `yaml:"rule"`
	Says    string        `yaml:"says"` // part of the reason

	Fleet  string       `yaml:"-"` // the content of fleet.yaml
	Policy fleet.Policy `yaml:"-"` // of that
}

// Job is the case's job, which has this number.
func (c Case) Job(id int64) fleet.Job {
	return fleet.Job{JobID: id, WorkflowRunID: id, Repository: "octo/repo", Private: true, Labels: c.Labels, Status: fleet.JobQueued}
}

// Cases is the whole table.
func Cases(t testing.TB) []Case {
	t.Helper()
	var table struct {
		Fleet string `yaml:"fleet"`
		Cases []Case `yaml:"cases"`
	}
	if err := yaml.UnmarshalWithOptions(labels, &table, yaml.DisallowUnknownField()); err != nil {
		t.Fatalf("labels.yaml: %v", err)
	}
	c, err := config.Parse([]byte(table.Fleet), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := range table.Cases {
		table.Cases[i].Fleet, table.Cases[i].Policy = table.Fleet, c.Policy()
	}
	return table.Cases
}

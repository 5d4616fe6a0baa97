// Package decisiontest is a table of jobs and of what policy says to them, each case a
// sentence. Whatever decides about jobs is held to the same table, so that all of it says
// the same.
package decisiontest

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

//go:embed labels.yaml
var labels []byte

//go:embed rules.yaml
var rules []byte

// Case is one job and what is to be said to it.
type Case struct {
	It         string   `yaml:"it"`     // a sentence
	Of         string   `yaml:"fleet"`  // one of the table's fleets; "" is its fleet
	Under      string   `yaml:"policy"` // one of the table's policies
	Labels     []string `yaml:"labels"`
	Repository string   `yaml:"repository"`
	Visibility string   `yaml:"visibility"` // private unless it is said; "unknown" is private or internal
	Fork       *bool    `yaml:"fork"`       // nil here and below is not known
	Event      *string  `yaml:"event"`
	Branch     *string  `yaml:"branch"`

	Verdict fleet.Verdict `yaml:"verdict"`
	Rule    string        `yaml:"rule"`
	Says    string        `yaml:"says"`  // part of the reason
	Class   string        `yaml:"class"` // of an admitted job; "" is not held to the table

	Fleet  string       `yaml:"-"` // the content of fleet.yaml
	Policy fleet.Policy `yaml:"-"` // of that
}

// Job is the case's job with all that is known of it, which has this number.
func (c Case) Job(id int64) fleet.Job {
	job := fleet.Job{
		JobID: id, WorkflowRunID: id, Repository: c.Repository, Private: c.Visibility != fleet.VisibilityPublic, Visibility: c.Visibility,
		Labels: c.Labels, Status: fleet.JobQueued, Origin: c.Origin(),
	}
	if job.Visibility == "unknown" {
		job.Visibility = ""
	}
	return job
}

// Origin is what the job's workflow run says.
func (c Case) Origin() fleet.Origin {
	return fleet.Origin{Event: c.Event, Branch: c.Branch, Fork: c.Fork}
}

type table struct {
	Fleet    string            `yaml:"fleet"`
	Fleets   map[string]string `yaml:"fleets"`
	Policies map[string]string `yaml:"policies"`
	Cases    []Case            `yaml:"cases"`
}

// Cases is the whole table.
func Cases(t testing.TB) []Case {
	t.Helper()
	return append(read(t, "labels.yaml", labels), read(t, "rules.yaml", rules)...)
}

func read(t testing.TB, name string, text []byte) []Case {
	t.Helper()
	var all table
	if err := yaml.UnmarshalWithOptions(text, &all, yaml.DisallowUnknownField()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for i := range all.Cases {
		c := &all.Cases[i]
		if c.Labels == nil {
			c.Labels = []string{"self-hosted"}
		}
		c.Fleet = all.Fleet
		if c.Of != "" {
			c.Fleet = all.Fleets[c.Of]
		}
		if rules, ok := all.Policies[c.Under]; !ok && c.Under != "" {
			t.Fatalf("%s: %q is under a policy that there is not", name, c.It)
		} else if rules != "" {
			c.Fleet += "policy:\n" + rules
		}
		read, err := config.Parse([]byte(c.Fleet), "fleet.yaml")
		if err != nil {
			t.Fatalf("%s: %q: %v\n%s", name, c.It, err, c.Fleet)
		}
		c.Policy = read.Policy()
		if c.Repository == "" {
			c.Repository = read.Repositories[0]
		}
		if c.Visibility == "" {
			c.Visibility = fleet.VisibilityPrivate
		}
		if strings.TrimSpace(c.It) == "" {
			t.Fatalf("%s: case %d is no sentence", name, i)
		}
	}
	return all.Cases
}

package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// payload is the part of a workflow_job delivery that the fleet uses. Only the
// indispensable fields are required: GitHub Enterprise Server of 2021 has neither
// run_attempt nor created_at, workflow_name, head_branch or installation.
type payload struct {
	Action      string       `json:"action"`
	WorkflowJob *workflowJob `json:"workflow_job"`
	Repository  *repository  `json:"repository"`
	// Installation is there only if the webhook is a GitHub App's.
	Installation *installation `json:"installation"`
}

type installation struct {
	ID int64 `json:"id"`
}

type repository struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
	Private  bool   `json:"private"`
	// Visibility is absent on older GitHub Enterprise Server.
	Visibility string `json:"visibility"`
}

type workflowJob struct {
	ID           int64    `json:"id"`
	RunID        int64    `json:"run_id"`
	RunAttempt   int      `json:"run_attempt"`
	Name         string   `json:"name"`
	WorkflowName string   `json:"workflow_name"`
	HeadBranch   string   `json:"head_branch"`
	HeadSHA      string   `json:"head_sha"`
	HTMLURL      string   `json:"html_url"`
	Labels       []string `json:"labels"` // null means missing, [] is a job without labels
	Status       string   `json:"status"`
	Conclusion   string   `json:"conclusion"`
	RunnerID     int64    `json:"runner_id"` // null or 0 while there is no runner
	RunnerName   string   `json:"runner_name"`
	CreatedAt    string   `json:"created_at"`
	StartedAt    string   `json:"started_at"`
	CompletedAt  string   `json:"completed_at"`
}

// Limits of what is passed on, in bytes. They keep an event under EventBridge's 256
// KiB, whatever a payload of 1 MiB holds, and cut nothing that GitHub's own limits
// allow.
const (
	maxText      = 1024 // names and branches
	maxURL       = 2048
	maxShort     = 128      // words and ids
	maxAllLabels = 64 << 10 // in JSON
)

// maxLabelsRead is how many labels are looked at, since each is compared with all
// others.
const maxLabelsRead = 10 * fleet.MaxLabels

// ReadJob is the job of a workflow_job payload, as a delivery with it puts it on the bus.
func ReadJob(doc []byte) (fleet.Job, error) {
	p, err := read(doc)
	if err != nil {
		return fleet.Job{}, err
	}
	job, err := p.job()
	job.Labels = slimLabels(job.Labels)
	return job, err
}

// job checks a payload and returns its job, with every text but the labels shortened to
// its limit. Errors name the field.
func (p payload) job() (fleet.Job, error) {
	switch {
	case p.WorkflowJob == nil:
		return fleet.Job{}, missing("workflow_job")
	case p.WorkflowJob.ID <= 0:
		return fleet.Job{}, missing("workflow_job.id")
	case p.WorkflowJob.Labels == nil:
		return fleet.Job{}, missing("workflow_job.labels")
	case p.Repository == nil || p.Repository.FullName == "":
		return fleet.Job{}, missing("repository.full_name")
	}
	j := p.WorkflowJob
	job := fleet.Job{
		JobID:         j.ID,
		WorkflowRunID: j.RunID,
		RunAttempt:    j.RunAttempt,
		Repository:    fleet.ClipBytes(p.Repository.FullName, maxText),
		RepositoryID:  p.Repository.ID,
		Private:       p.Repository.Private,
		Visibility:    fleet.ClipBytes(p.Repository.Visibility, maxShort),
		Name:          fleet.ClipBytes(j.Name, maxText),
		WorkflowName:  fleet.ClipBytes(j.WorkflowName, maxText),
		HeadBranch:    fleet.ClipBytes(j.HeadBranch, maxText),
		HeadSHA:       fleet.CommitSHA(j.HeadSHA),
		HTMLURL:       fleet.ClipBytes(j.HTMLURL, maxURL),
		Labels:        j.Labels[:min(len(j.Labels), maxLabelsRead)],
		Status:        fleet.ClipBytes(j.Status, maxShort),
		Conclusion:    fleet.ClipBytes(j.Conclusion, maxShort),
		RunnerID:      j.RunnerID,
		RunnerName:    fleet.ClipBytes(j.RunnerName, maxShort),
	}
	if p.Installation != nil {
		job.InstallationID = p.Installation.ID
	}
	for _, moment := range []struct {
		field string
		text  string
		into  **time.Time
	}{
		{"workflow_job.created_at", j.CreatedAt, &job.CreatedAt},
		{"workflow_job.started_at", j.StartedAt, &job.StartedAt},
		{"workflow_job.completed_at", j.CompletedAt, &job.CompletedAt},
	} {
		at, err := parseTime(moment.text)
		if err != nil {
			return fleet.Job{}, fmt.Errorf("the payload's %s is no RFC 3339 time", moment.field)
		}
		*moment.into = at
	}
	return job, nil
}

func missing(field string) error { return fmt.Errorf("the payload has no %s", field) }

// parseTime reads a time; GitHub writes a missing one as null, "" or the year 1.
func parseTime(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() <= 1 {
		return nil, err
	}
	at = at.UTC()
	return &at, nil
}

// slimLabels limits the labels in such a way that the policy's answer stays the same:
// one label above the limit stays too many, and a cut label stays too long. The labels
// that are left keep the workflow's own text: the policy looks at their white space,
// and at the case of tags.
func slimLabels(labels []string) []string {
	out := distinct(labels)
	if len(out) > fleet.MaxLabels {
		out = out[:fleet.MaxLabels+1]
	}
	if areShort(out) {
		return out
	}
	for i, l := range out {
		if len(l) > fleet.MaxLabelLength {
			out[i] = fleet.ClipBytes(l, fleet.MaxLabelLength) + fmt.Sprintf("… (%d bytes)", len(l))
		}
	}
	return out
}

// areShort reports whether labels take no more than maxAllLabels in JSON, where a byte takes up
// to six: so they are encoded only if they are long.
func areShort(labels []string) bool {
	most := len("[]")
	for _, l := range labels {
		most += len(`"",`) + 6*len(l)
	}
	if most <= maxAllLabels {
		return true
	}
	encoded, err := json.Marshal(labels)
	return err == nil && len(encoded) <= maxAllLabels
}

// distinct leaves out labels that differ from an earlier one only in case.
func distinct(labels []string) []string {
	seen := make(map[string]bool, len(labels))
	return slices.DeleteFunc(slices.Clone(labels), func(l string) bool {
		l = strings.ToLower(l)
		again := seen[l]
		seen[l] = true
		return again
	})
}

// hook is the part of a ping that says how the webhook is set up.
type hook struct {
	Hook struct {
		Events []string `json:"events"`
	} `json:"hook"`
	Repository *repository `json:"repository"`
}

func (h hook) sends(event string) bool {
	for _, e := range h.Hook.Events {
		if e == event || e == "*" {
			return true
		}
	}
	return false
}

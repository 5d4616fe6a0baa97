package sim

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// workflowJob is a job in GitHub's words. REST and webhooks use the same.
type workflowJob struct {
	ID              int64          `json:"id"`
	RunID           int64          `json:"run_id"`
	WorkflowName    string         `json:"workflow_name"`
	HeadBranch      string         `json:"head_branch"`
	RunURL          string         `json:"run_url"`
	RunAttempt      int            `json:"run_attempt"`
	NodeID          string         `json:"node_id"`
	HeadSHA         string         `json:"head_sha"`
	URL             string         `json:"url"`
	HTMLURL         string         `json:"html_url"`
	Status          string         `json:"status"`
	Conclusion      *string        `json:"conclusion"`
	CreatedAt       string         `json:"created_at"`
	StartedAt       string         `json:"started_at"`
	CompletedAt     *string        `json:"completed_at"`
	Name            string         `json:"name"`
	Steps           []workflowStep `json:"steps"`
	CheckRunURL     string         `json:"check_run_url"`
	Labels          []string       `json:"labels"`
	RunnerID        *int64         `json:"runner_id"`
	RunnerName      *string        `json:"runner_name"`
	RunnerGroupID   *int64         `json:"runner_group_id"`
	RunnerGroupName *string        `json:"runner_group_name"`
}

type workflowStep struct {
	Name        string  `json:"name"`
	Status      string  `json:"status"`
	Conclusion  *string `json:"conclusion"`
	Number      int     `json:"number"`
	StartedAt   *string `json:"started_at"`
	CompletedAt *string `json:"completed_at"`
}

func (s *Server) workflowJob(j *job) workflowJob {
	api := s.repo.apiURL(s.cfg.URL)
	runURL := fmt.Sprintf("%s/actions/runs/%d", api, j.RunID)
	out := workflowJob{
		ID: j.ID, RunID: j.RunID, WorkflowName: j.Workflow, HeadBranch: s.repo.branch(), RunURL: runURL, RunAttempt: j.Attempt,
		NodeID: nodeID("CheckRun", j.ID), HeadSHA: s.headSHA(j.RunID),
		URL:     fmt.Sprintf("%s/actions/jobs/%d", api, j.ID),
		HTMLURL: fmt.Sprintf("%s/actions/runs/%d/job/%d", s.repo.htmlURL(s.cfg.URL), j.RunID, j.ID),
		Status:  j.status, Conclusion: orNull(j.Conclusion),
		CreatedAt: stamp(j.CreatedAt), StartedAt: stamp(j.StartedAt), CompletedAt: stampOrNull(j.CompletedAt, stampLayout),
		Name: j.Name, Steps: []workflowStep{}, CheckRunURL: fmt.Sprintf("%s/check-runs/%d", api, j.ID),
		Labels: append([]string{}, j.Labels...),
	}
	for _, step := range j.Steps {
		out.Steps = append(out.Steps, workflowStep{
			Name: step.Name, Status: step.Status, Conclusion: orNull(step.Conclusion), Number: step.Number,
			StartedAt:   stampOrNull(step.StartedAt, stepStampLayout),
			CompletedAt: stampOrNull(step.CompletedAt, stepStampLayout),
		})
	}
	switch {
	case j.RunnerID != 0:
		out.RunnerID, out.RunnerName = new(j.RunnerID), new(j.RunnerName)
		out.RunnerGroupID, out.RunnerGroupName = new(int64(defaultGroup)), new("Default")
	case j.status == statusCompleted: // cancelled before a runner took it
		out.RunnerID, out.RunnerName = new(int64(0)), new("")
		out.RunnerGroupID, out.RunnerGroupName = new(int64(0)), new("")
	}
	return out
}

// jobMessage is the job as its runner gets it.
func (s *Server) jobMessage(j *job) *protocol.Job {
	return &protocol.Job{
		ID: j.ID, RunID: j.RunID, RunAttempt: j.Attempt, Key: j.spec.Key, Name: j.Name, Workflow: j.Workflow,
		Repository: s.cfg.Repository, SHA: s.headSHA(j.RunID), Ref: "refs/heads/" + s.repo.branch(),
		ServerURL: s.cfg.URL, APIURL: s.cfg.URL + "/api/v3",
		Env: j.spec.Env, Steps: j.spec.Steps,
	}
}

// deployment is the gate of an environment.
type deployment struct {
	id               int64
	environment      string
	created, updated time.Time
}

func (s *Server) deployment(j *job) map[string]any {
	d := j.deployment
	api := s.repo.apiURL(s.cfg.URL)
	self := api + "/deployments/" + strconv.FormatInt(d.id, 10)
	return map[string]any{
		"url": self, "id": d.id, "node_id": nodeID("Deployment", d.id), "task": "deploy",
		"original_environment": d.environment, "environment": d.environment, "description": nil,
		"created_at": stamp(d.created), "updated_at": stamp(d.updated),
		"statuses_url": self + "/statuses", "repository_url": api, "creator": s.repo.user(s.cfg.URL),
		"sha": s.headSHA(j.RunID), "ref": s.repo.branch(), "payload": struct{}{},
		"transient_environment": false, "production_environment": false, "performed_via_github_app": nil,
	}
}

const (
	stampLayout     = "2006-01-02T15:04:05Z"
	stepStampLayout = "2006-01-02T15:04:05.000Z"
)

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

func stampOrNull(t time.Time, layout string) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(layout))
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func nodeID(kind string, id int64) string {
	return base64.RawStdEncoding.EncodeToString(fmt.Appendf(nil, "simulated:%s:%d", kind, id))
}

// headSHA makes up the commit of a run.
func (s *Server) headSHA(run int64) string {
	sum := sha1.Sum(fmt.Appendf(nil, "simulated commit of run %d in %s", run, s.cfg.Repository))
	return hex.EncodeToString(sum[:])
}

package webhook

import (
	"strings"
	"testing"
)

// laterFields are what GitHub Enterprise Server of 2021 does not send of a job.
var laterFields = []string{"run_attempt", "workflow_name", "head_branch", "created_at"}

// What an old server leaves out keeps no job from its runner: each field by itself, and all
// of them, in every event of a job's life.
func TestOldGitHubEnterpriseServers(t *testing.T) {
	var all []change
	cases := map[string][]change{}
	for _, field := range laterFields {
		left := set("workflow_job."+field, absent)
		cases["without "+field], all = []change{left}, append(all, left)
	}
	cases["without any of them"] = append(all, set("installation", absent), set("workflow_job.runner_group_id", absent), set("workflow_job.runner_group_name", absent))
	for action, changes := range map[string][]change{
		"queued":      nil,
		"in_progress": {set("action", "in_progress"), set("workflow_job.status", "in_progress"), set("workflow_job.runner_name", "fleet-77-1.1"), set("workflow_job.runner_id", 5)},
		"completed":   {set("action", "completed"), set("workflow_job.status", "completed"), set("workflow_job.conclusion", "success"), set("workflow_job.completed_at", "2026-03-04T05:05:00Z")},
	} {
		for name, left := range cases {
			b := newBench()
			request := sent("workflow_job", queued(t, append(changes, left...)...))
			request.Header["x-github-enterprise-version"], request.Header["x-github-enterprise-host"] = "3.3.0", "git.corp.example"
			if resp := b.send(request); resp.Status != 202 || resp.Body.Status != Accepted {
				t.Errorf("%s %s: got %d %+v", action, name, resp.Status, resp.Body)
				continue
			}
			if got := b.bus.last(t); got.Job.JobID != 14541957942 || strings.Contains(name, "any") && (got.Job.RunAttempt != 0 || got.Job.CreatedAt != nil) {
				t.Errorf("%s %s: on the bus is %+v", action, name, got.Job)
			}
		}
	}
}

package sim

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

func (s *Server) getJob(_ http.ResponseWriter, r *http.Request) (int, any) {
	j := s.job(pathID(r, "job_id"))
	if j == nil {
		return notFound()
	}
	return http.StatusOK, s.workflowJob(j)
}

// run is what the jobs of one run add up to.
type run struct {
	id       int64
	jobs     []*job // of all attempts
	attempts int
}

// runs returns all runs, newest first as GitHub lists them.
func (s *Server) runs() []*run {
	var all []*run
	byID := map[int64]*run{}
	for _, j := range s.jobs {
		one := byID[j.RunID]
		if one == nil {
			one = &run{id: j.RunID}
			byID[j.RunID] = one
			all = append(all, one)
		}
		one.jobs = append(one.jobs, j)
		one.attempts = max(one.attempts, j.Attempt)
	}
	slices.Reverse(all)
	return all
}

func (s *Server) run(id int64) *run {
	for _, one := range s.runs() {
		if one.id == id {
			return one
		}
	}
	return nil
}

// attempt returns the jobs of one attempt; 0 is all of them.
func (one *run) attempt(n int) []*job {
	return slices.DeleteFunc(slices.Clone(one.jobs), func(j *job) bool { return n != 0 && j.Attempt != n })
}

// state returns the run's status and conclusion, "" if it has none.
func (one *run) state() (status, conclusion string) {
	count := map[string]int{}
	jobs := one.attempt(one.attempts)
	for _, j := range jobs {
		count[j.status]++
		count[j.Conclusion]++
	}
	switch len(jobs) {
	case count[statusCompleted]:
		for _, c := range []string{protocol.Failure, protocol.Cancelled} {
			if count[c] > 0 {
				return statusCompleted, c
			}
		}
		return statusCompleted, protocol.Success
	case count[statusQueued] + count[statusWaiting]:
		if count[statusQueued] > 0 {
			return statusQueued, ""
		}
		return statusWaiting, ""
	}
	return statusInProgress, ""
}

func (s *Server) listRuns(w http.ResponseWriter, r *http.Request) (int, any) {
	wanted := r.FormValue("status") // a status or a conclusion
	var matching []*run
	for _, one := range s.runs() {
		if status, conclusion := one.state(); wanted == "" || wanted == status || wanted == conclusion {
			matching = append(matching, one)
		}
	}
	shown := []any{}
	for _, one := range page(w, r, matching) {
		shown = append(shown, s.workflowRun(one))
	}
	return http.StatusOK, map[string]any{"total_count": len(matching), "workflow_runs": shown}
}

func (s *Server) listRunJobs(w http.ResponseWriter, r *http.Request) (int, any) {
	one := s.run(pathID(r, "run_id"))
	if one == nil {
		return notFound()
	}
	attempt := one.attempts
	if r.FormValue("filter") == "all" {
		attempt = 0
	}
	if n := r.PathValue("attempt"); n != "" {
		if attempt = int(pathID(r, "attempt")); attempt < 1 || attempt > one.attempts {
			return notFound()
		}
	}
	jobs := one.attempt(attempt)
	shown := []workflowJob{}
	for _, j := range page(w, r, jobs) {
		shown = append(shown, s.workflowJob(j))
	}
	return http.StatusOK, map[string]any{"total_count": len(jobs), "jobs": shown}
}

func (s *Server) getRun(_ http.ResponseWriter, r *http.Request) (int, any) {
	one := s.run(pathID(r, "run_id"))
	if one == nil {
		return notFound()
	}
	return http.StatusOK, s.workflowRun(one)
}

// rerunFailedJobs queues the jobs of a run again that failed or were cancelled, as the next
// attempt. GitHub refuses a run that goes on (cli/cli#9221), and shows the other jobs in the
// next attempt as well; here they are in the first alone.
func (s *Server) rerunFailedJobs(_ http.ResponseWriter, r *http.Request) (int, any) {
	one := s.run(pathID(r, "run_id"))
	if one == nil {
		return notFound()
	}
	switch status, conclusion := one.state(); {
	case status != statusCompleted:
		return refuse(http.StatusForbidden, "This workflow is already running")
	case conclusion == protocol.Success:
		return refuse(http.StatusForbidden, "This workflow run has no failed jobs")
	}
	for _, j := range one.attempt(one.attempts) {
		if j.Conclusion == protocol.Failure || j.Conclusion == protocol.Cancelled {
			again := j.spec
			again.Attempt = one.attempts + 1
			s.add(again)
		}
	}
	return http.StatusCreated, struct{}{}
}

func (s *Server) cancelRun(_ http.ResponseWriter, r *http.Request) (int, any) {
	one := s.run(pathID(r, "run_id"))
	if one == nil {
		return notFound()
	}
	if status, _ := one.state(); status == statusCompleted {
		return refuse(http.StatusConflict, "Cannot cancel a workflow run that is completed.")
	}
	for _, j := range one.attempt(one.attempts) {
		if j.status != statusCompleted {
			s.cancel(j)
		}
	}
	return http.StatusAccepted, struct{}{}
}

// workflowRun has GitHub's required fields and the usual others.
func (s *Server) workflowRun(one *run) map[string]any {
	latest := one.attempt(one.attempts)
	first := latest[0]
	status, conclusion := one.state()
	updated := first.updated
	for _, j := range latest {
		if j.updated.After(updated) {
			updated = j.updated
		}
	}
	api := s.repo.apiURL(s.cfg.URL)
	id := strconv.FormatInt(one.id, 10)
	self := api + "/actions/runs/" + id
	return map[string]any{
		"id": one.id, "name": first.Workflow, "node_id": nodeID("WorkflowRun", one.id),
		"check_suite_id": one.id, "check_suite_node_id": nodeID("CheckSuite", one.id),
		"head_branch": s.repo.branch(), "head_sha": s.headSHA(one.id), "path": ".github/workflows/simulated.yml",
		"run_number": 1, "run_attempt": one.attempts, "referenced_workflows": []any{},
		"event": "workflow_dispatch", "status": status, "conclusion": orNull(conclusion),
		"workflow_id": s.repo.id, "display_title": first.Workflow, "pull_requests": []any{},
		"url": self, "html_url": s.repo.htmlURL(s.cfg.URL) + "/actions/runs/" + id,
		"created_at": stamp(one.jobs[0].CreatedAt), "updated_at": stamp(updated), "run_started_at": stamp(first.CreatedAt),
		"actor": s.repo.user(s.cfg.URL), "triggering_actor": s.repo.user(s.cfg.URL),
		"jobs_url": self + "/jobs", "logs_url": self + "/logs", "artifacts_url": self + "/artifacts",
		"cancel_url": self + "/cancel", "rerun_url": self + "/rerun", "previous_attempt_url": nil,
		"check_suite_url": api + "/check-suites/" + id,
		"workflow_url":    api + "/actions/workflows/" + strconv.FormatInt(s.repo.id, 10),
		"head_commit":     s.headCommit(one.id),
		"repository":      s.repo.json(s.cfg.URL, s.cfg.Private), "head_repository": s.repo.json(s.cfg.URL, s.cfg.Private),
	}
}

func (s *Server) headCommit(run int64) map[string]any {
	author := map[string]string{"name": s.repo.owner, "email": s.repo.owner + "@simulated.invalid"}
	return map[string]any{
		"id": s.headSHA(run), "tree_id": s.headSHA(run), "message": "simulated commit",
		"timestamp": s.repo.created.Format(time.RFC3339), "author": author, "committer": author,
	}
}

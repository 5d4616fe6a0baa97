package claim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Judge is what an answer to a runner's job-started hook needs beyond a claim.
type Judge struct {
	Policy  func(context.Context) (fleet.Policy, error)
	GitHub  jobs
	Cursors lifecycle.Cursors // of repositories, and of what is not enforced
	Bus     bus
	NewID   func() string
}

// jobs are GitHub's lists of jobs, and what is left of its limit.
type jobs interface {
	JobsOf(ctx context.Context, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error)
	Budget(ctx context.Context, place string, now time.Time) (fleet.Budget, error)
}

type bus interface {
	Put(ctx context.Context, event fleet.Event) error
}

// JobRequest is a hook's question which job its runner has.
type JobRequest struct {
	Request
	Hint fleet.JobHint
}

// JobReply is its answer. The statuses are 200, 400 (no usable nonce), 401 (wrong token, or
// not from the container that claimed), 410 (the runner has ended) and 503 (ask again after
// RetryAfter).
type JobReply struct {
	Status     int
	Body       fleet.JobResponse
	RetryAfter time.Duration
}

// HandleJob says what policy says of the job that a runner has. It checks what a claim is
// checked for, and that the container that claimed asks.
//
// The job is the one that GitHub has on the runner, whatever the hint is. The answer is
// written before it is given, and is the same ever after. If the records did not know of the
// job, the event that was lost is put on the bus.
func (h Handler) HandleJob(ctx context.Context, req JobRequest) JobReply {
	if !fleet.CheckClaimToken(h.Keys, req.RunnerID, req.Token) {
		return refuseJob(http.StatusUnauthorized, "wrong claim token or unknown runner")
	}
	if req.Nonce == "" || len(req.Nonce) > fleet.MaxNonce {
		return refuseJob(http.StatusBadRequest, "the question needs the nonce of the claim")
	}
	reply := h.handleJob(ctx, req)
	h.Log.InfoContext(ctx, "hook answered", "runner_id", req.RunnerID, "status", reply.Status, "job_id", reply.Body.JobID, "verdict", reply.Body.Verdict, "rule", reply.Body.Rule, "error", reply.Body.Error, "reason", cmp.Or(reply.Body.Reason, reply.Body.Message))
	return reply
}

func (h Handler) handleJob(ctx context.Context, req JobRequest) JobReply {
	runner, known, err := h.Fleet.Records.Runner(ctx, req.RunnerID)
	switch {
	case err != nil:
		return unrecordedJob()
	case !known:
		return refuseJob(http.StatusUnauthorized, "wrong claim token or unknown runner")
	}
	if refusal := h.identify(ctx, runner, req.Request); refusal.Status != 0 {
		return JobReply{Status: refusal.Status, RetryAfter: refusal.RetryAfter, Body: fleet.JobResponse{Error: refusal.Body.Error, Message: refusal.Body.Message}}
	}
	switch {
	case runner.NonceHash != fleet.NonceHash(req.Nonce):
		return refuseJob(http.StatusUnauthorized, "another container has claimed as this runner")
	case runner.Judged != nil:
		return h.answer(ctx, runner, nil, req.Hint)
	case runner.Phase == fleet.Closed:
		return refuseJob(http.StatusGone, "the runner has ended")
	}
	policy, err := h.Judge.Policy(ctx)
	if err != nil {
		return laterJob(time.Second, err, "the class sizes did not answer")
	}
	runner, job, later := h.jobOf(ctx, runner, req.Hint)
	if later.Status != 0 {
		return later
	}
	runner, decision, later := h.decide(ctx, policy, runner, &job)
	if later.Status != 0 {
		return later
	}
	runner, _, err = h.Fleet.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if r.Judged != nil {
			return r, false
		}
		r.Judged = judged(job.JobID, decision)
		return r, true
	})
	if err != nil {
		return unrecordedJob()
	}
	return h.answer(ctx, runner, &job.Job, req.Hint)
}

// judged is what is kept of a decision. Only what is admitted may run: a job that is not ours
// has come here with fewer labels than a job that policy would have refused.
func judged(jobID int64, d fleet.Decision) *fleet.Judged {
	j := &fleet.Judged{JobID: jobID, Verdict: fleet.Admitted, Rule: d.Rule}
	if d.Verdict != fleet.Admitted {
		j.Verdict, j.Reason, j.NotOurs = fleet.Refused, d.Reason, d.Verdict == fleet.Ignored
	}
	return j
}

// answer gives the recorded answer, once an event on the bus says which job the runner has
// and what policy says of it, unless the records know. job is the job as GitHub has it, nil if
// it was not asked.
func (h Handler) answer(ctx context.Context, runner fleet.Runner, job *fleet.Job, hint fleet.JobHint) JobReply {
	j := *runner.Judged
	run, known, err := h.Fleet.Records.Run(ctx, fleet.RunID(j.JobID))
	if err != nil {
		return unrecordedJob()
	}
	if job == nil && known {
		job = &run.Job
	}
	if job == nil { // a function died between the answer and the event
		var later JobReply
		if job, later = h.judgedJob(ctx, runner, hint); later.Status != 0 {
			return later
		}
	}
	if job != nil && !(known && isKnown(run, runner)) {
		if err := h.makeKnown(ctx, runner, *job); err != nil {
			// The answer stands. The next event, of the job's start or end, finds it.
			h.Log.WarnContext(ctx, "the records learn of a runner's job by its webhook alone", "runner_id", runner.RunnerID, "job_id", j.JobID, "error", err.Error())
		}
	}
	return JobReply{Status: http.StatusOK, Body: fleet.JobResponse{JobID: j.JobID, Verdict: j.Verdict, Rule: j.Rule, Reason: j.Reason}}
}

// isKnown reports whether a run's record says that the runner has its job, and what policy
// says of it.
func isKnown(run fleet.Run, runner fleet.Runner) bool {
	if run.RanOn != runner.RunnerID {
		return false
	}
	refused := runner.Judged.Verdict == fleet.Refused
	return refused == (run.Status == fleet.RunRefused) || run.Status.Terminal() && run.Status != fleet.RunRefused
}

// judgedJob asks GitHub for the job that a runner's answer is about, as far as GitHub may be
// asked. It is nil if not any more: the event of the job's end makes it known.
func (h Handler) judgedJob(ctx context.Context, runner fleet.Runner, hint fleet.JobHint) (_ *fleet.Job, later JobReply) {
	repository := h.hinted(runner, hint)
	if repository == "" || !runner.MayAskForJob() {
		return nil, later
	}
	if runner, _, later = h.mayAsk(ctx, runner); later.Status != 0 {
		return nil, later
	}
	job, err := h.Fleet.GitHub.Job(ctx, repository, runner.Judged.JobID)
	if err == nil {
		var w fleet.WorkflowRun
		w, err = h.Fleet.GitHub.WorkflowRun(ctx, repository, job.WorkflowRunID)
		job.Private, job.Visibility = w.Private, w.Visibility
	}
	if err != nil {
		return nil, laterJob(noSpare, err, "GitHub did not show the job")
	}
	return &job, later
}

// makeKnown puts the event on the bus that GitHub's webhook may have lost.
func (h Handler) makeKnown(ctx context.Context, runner fleet.Runner, job fleet.Job) error {
	if job.Status != fleet.JobCompleted {
		job.Status = fleet.JobInProgress
	}
	job.RunnerName = fleet.RunnerName(runner.RunnerID, runner.Claims)
	detail, err := json.Marshal(fleet.WorkflowJob{Action: fleet.JobInProgress, ReceivedAt: h.Fleet.Now().UTC(), Job: job})
	if err != nil {
		return fmt.Errorf("encode the event of job %d: %w", job.JobID, err)
	}
	return h.Judge.Bus.Put(ctx, fleet.Event{ID: h.Judge.NewID(), Source: fleet.ClaimSource, DetailType: fleet.WorkflowJobEvent, Time: h.Fleet.Now(), Detail: detail})
}

// found is a job.
type found struct {
	fleet.Job
	told    bool // a webhook has told of it: GitHub's API does not say who sees a job's repository
	counted bool // GitHub was asked for it
}

// jobOf finds the job that a runner has: in the records, or else on GitHub, where it is most
// often the one that the runner was meant for. If nobody says yet, later has a status.
func (h Handler) jobOf(ctx context.Context, runner fleet.Runner, hint fleet.JobHint) (_ fleet.Runner, job found, later JobReply) {
	if runner.Took != 0 {
		run, known, err := h.Fleet.Records.Run(ctx, fleet.RunID(runner.Took))
		if err != nil || !known {
			return runner, job, unrecordedJob()
		}
		return runner, found{Job: run.Job, told: true}, later
	}
	runner, wait, later := h.mayAsk(ctx, runner)
	if later.Status != 0 {
		return runner, job, later
	}
	job, err := h.onGitHub(ctx, runner, hint)
	job.counted = true
	switch {
	case err != nil:
		return runner, job, laterJob(max(wait, fleet.RetryAfter(err)), err, "GitHub did not say which job the runner has")
	case job.JobID == 0:
		return runner, job, laterJob(wait, nil, "GitHub has no job on the runner yet")
	}
	return runner, job, later
}

// mayAsk counts a question for which GitHub is to be asked. If it must not be, now, later has
// a status; wait is how long the next one has to wait.
func (h Handler) mayAsk(ctx context.Context, runner fleet.Runner) (_ fleet.Runner, wait time.Duration, later JobReply) {
	budget, err := h.Judge.GitHub.Budget(ctx, h.Fleet.PlaceOf(runner), h.Fleet.Now())
	if err == nil { // else the request finds out
		spare, err := h.Fleet.Spare(ctx, budget)
		switch {
		case err != nil:
			return runner, 0, unrecordedJob()
		case !spare:
			return runner, 0, laterJob(noSpare, nil, "what is left of GitHub's limit is kept for claims")
		}
	}
	var ok bool
	runner, _, err = h.Fleet.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		r, ok, wait = r.AskForJob(h.Fleet.Now())
		return r, ok
	})
	switch {
	case err != nil:
		return runner, wait, unrecordedJob()
	case !ok:
		return runner, wait, laterJob(wait, nil, "GitHub was asked just now")
	}
	return runner, wait, later
}

// noSpare is how long a hook waits while GitHub must not be asked: the webhook may tell of
// the job meanwhile.
const noSpare = 5 * time.Second

// mostJobPages bounds what is read of a workflow run: a matrix has 256 jobs at most.
const mostJobPages = 5

// onGitHub looks for the job that GitHub has on a runner. Without one its id is 0.
func (h Handler) onGitHub(ctx context.Context, runner fleet.Runner, hint fleet.JobHint) (none found, _ error) {
	meant, known, err := h.Fleet.Records.Run(ctx, cmp.Or(runner.For, runner.RunID))
	if err != nil {
		return none, err
	}
	if known {
		job, err := h.Fleet.GitHub.Job(ctx, h.Fleet.RepositoryOf(runner, meant), meant.Job.JobID)
		switch {
		case err == nil && isOn(job, runner):
			return h.told(ctx, job)
		case err != nil && !fleet.IsNamed(err, fleet.GitHubNotFound):
			return none, err
		}
	}
	repository := h.hinted(runner, hint)
	if repository == "" || hint.WorkflowRunID <= 0 {
		return none, nil
	}
	var page fleet.Page[fleet.Job]
	for range mostJobPages {
		page, err = h.Judge.GitHub.JobsOf(ctx, repository, fleet.WorkflowRun{ID: hint.WorkflowRunID}, fleet.Page[fleet.Job]{Path: page.Next})
		if err != nil {
			return none, err
		}
		for _, job := range page.Items {
			if isOn(job, runner) {
				return h.told(ctx, job)
			}
		}
		if page.Next == "" {
			break
		}
	}
	return none, nil
}

// isOn reports whether GitHub has a job on the runner. A waiting job that names a runner
// means nothing.
func isOn(job fleet.Job, runner fleet.Runner) bool {
	began := job.Status == fleet.JobInProgress || job.Status == fleet.JobCompleted
	return began && job.RunnerName == fleet.RunnerName(runner.RunnerID, runner.Claims) && (job.RunnerID == 0 || job.RunnerID == runner.RegistrationID)
}

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$`)

// hinted is the repository in which a hint may lead to the runner's job, "" if it leads out
// of where the runner is registered. Which owners an enterprise has the fleet does not know;
// there a hint leads to lists of jobs that its credential may read, and no further.
func (h Handler) hinted(runner fleet.Runner, hint fleet.JobHint) string {
	place := h.Fleet.PlaceOf(runner)
	if !fleet.IsShared(place) {
		return runner.Repository
	}
	owner, _, _ := strings.Cut(hint.Repository, "/")
	organization, ok := fleet.OrganizationOf(place)
	if !repositoryName.MatchString(hint.Repository) || ok && !strings.EqualFold(owner, organization) {
		return ""
	}
	return hint.Repository
}

// told adds to a job of GitHub's API what webhooks have told of it.
func (h Handler) told(ctx context.Context, job fleet.Job) (found, error) {
	run, known, err := h.Fleet.Records.Run(ctx, fleet.RunID(job.JobID))
	if err != nil || !known {
		return found{Job: job}, err
	}
	job.Repository, job.RepositoryID = run.Job.Repository, run.Job.RepositoryID
	job.Private, job.Visibility = run.Job.Private, run.Job.Visibility
	return found{Job: job, told: true}, nil
}

// isAdmitted reports whether Validate has admitted a runner's job when the runner was
// launched for it. What is known here of the policy may be some minutes older.
func isAdmitted(runner fleet.Runner, jobID int64) bool {
	return runner.RunID == fleet.RunID(jobID) && !runner.IsWarm() && !runner.At(fleet.StageAdmitted).IsZero()
}

// decide is policy's decision about a job, as Validate makes it; job learns what GitHub says
// of its repository. If GitHub does not say on what a rule depends, later has a status.
func (h Handler) decide(ctx context.Context, policy fleet.Policy, runner fleet.Runner, job *found) (_ fleet.Runner, d fleet.Decision, later JobReply) {
	if !policy.EnforcePolicy || isAdmitted(runner, job.JobID) { // not any more, or no need
		return runner, fleet.Decision{Verdict: fleet.Admitted}, later
	}
	if job.told {
		if d = policy.Admit(job.Job); d.Verdict != fleet.Undecided {
			return runner, d, later
		}
	} else if served, err := h.serves(ctx, policy, runner, job.Repository); err != nil {
		return runner, d, unrecordedJob()
	} else if !served {
		return runner, fleet.Decision{Verdict: fleet.Ignored, Rule: "repository.foreign", Reason: policy.NotServed(job.Repository)}, later
	}
	if !job.counted {
		if runner, _, later = h.mayAsk(ctx, runner); later.Status != 0 {
			return runner, d, later
		}
	}
	w, err := h.Fleet.GitHub.WorkflowRun(ctx, job.Repository, job.WorkflowRunID)
	if err != nil {
		return runner, d, laterJob(max(noSpare, fleet.RetryAfter(err)), err, "GitHub did not say where the job comes from")
	}
	if job.Origin = w.Origin; !job.told {
		job.Private = w.Private
	}
	job.Visibility = cmp.Or(job.Visibility, w.Visibility)
	if d = policy.Admit(job.Job); d.Verdict == fleet.Undecided {
		return runner, d, laterJob(noSpare, nil, d.Reason+", and GitHub's answer does not have it")
	}
	return runner, d, later
}

// serves reports whether the fleet serves a repository of which its runner has a job: the
// runner is registered there, or it is served by its name in the configuration or by the one
// that it has now.
func (h Handler) serves(ctx context.Context, policy fleet.Policy, runner fleet.Runner, name string) (bool, error) {
	if !fleet.IsShared(h.Fleet.PlaceOf(runner)) || policy.AllowsRepository(name) {
		return true, nil
	}
	for _, configured := range policy.Repositories {
		now, err := lifecycle.CurrentName(ctx, h.Judge.Cursors, policy, configured)
		if err != nil || fleet.SameRepository(now, name) {
			return err == nil, err
		}
	}
	return false, nil
}

func refuseJob(status int, message string) JobReply {
	return JobReply{Status: status, Body: fleet.JobResponse{Message: message}}
}

func laterJob(wait time.Duration, err error, message string) JobReply {
	if err != nil {
		message += ": " + err.Error()
	}
	return JobReply{Status: http.StatusServiceUnavailable, RetryAfter: wait, Body: fleet.JobResponse{Error: fleet.ErrorName(err), Message: message}}
}

func unrecordedJob() JobReply {
	return JobReply{Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Body: fleet.JobResponse{Error: fleet.RecordsUnavailable, Message: "the records did not answer"}}
}

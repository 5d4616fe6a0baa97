package claim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// enforced is a fleet that enforces its policy: no large runners, and none for forks on
// the branch fork.
type enforced struct {
	*world
	t      *testing.T
	policy fleet.Policy
	org    string
}

func newEnforced(t *testing.T) *enforced {
	w := lifecycletest.New(t)
	e := &enforced{world: w, t: t, policy: w.Policy()}
	e.policy.EnforcePolicy = true
	e.policy.Rules = []fleet.Rule{
		{Name: "no-forks", Branch: fleet.Patterns{"fork"}, Fork: new(true), Refuse: "Pull requests from forks use ubuntu-latest."},
		{Name: "no-release", Branch: fleet.Patterns{"release"}, Refuse: "Releases have runners of their own."},
	}
	return e
}

// Job is a job of the branch main.
func (e *enforced) Job(id int64) fleet.Job {
	job := onBranch(e.world.Job(id), "main")
	e.GitHub.Set(job)
	return job
}

func (e *enforced) handler() claim.Handler {
	h := handler(e.world)
	h.Enforce = true
	if e.org != "" {
		h.Fleet.SharedPlace = fleet.OrganizationPlace(e.org)
	}
	h.Judge = claim.Judge{
		Policy: func(context.Context) (fleet.Policy, error) { return e.policy, nil },
		GitHub: e.GitHub, Cursors: e.Records, Bus: e.Bus, NewID: e.NewID,
	}
	return h
}

// idle is a runner that has claimed for a job and waits for one; its hook asks.
func (e *enforced) idle(job fleet.Job) string {
	id := e.Idle(job)
	e.EditRunner(id, func(r *fleet.Runner) { r.Hook = fleet.HookAsks })
	e.GitHub.Calls = nil
	return id
}

// gives has GitHub give a job to a runner, and report it to nobody.
func (e *enforced) gives(job fleet.Job, id string) {
	job.Private = false // GitHub's API does not say
	e.GitHub.Set(lifecycletest.InProgress(job, fleet.RunnerName(id, 1)))
	e.GitHub.Runner(fleet.RunnerName(id, 1)).Working = true
}

func (e *enforced) ask(id string, hint fleet.JobHint) claim.JobReply {
	return e.handler().HandleJob(e.t.Context(), claim.JobRequest{
		Request: claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"}, Hint: hint,
	})
}

// obey asks as a hook does, for two minutes.
func (e *enforced) obey(id string, hint fleet.JobHint) claim.JobReply {
	for until := e.Now().Add(fleet.HookWait); ; {
		reply := e.ask(id, hint)
		if reply.Status != http.StatusServiceUnavailable || !e.Now().Before(until) {
			return reply
		}
		e.Pass(reply.RetryAfter)
	}
}

// deliver does what dispatch does with the events on the bus.
func (e *enforced) deliver() {
	e.t.Helper()
	for _, event := range e.Bus.Events {
		var detail fleet.WorkflowJob
		if err := json.Unmarshal(event.Detail, &detail); err != nil || event.DetailType != fleet.WorkflowJobEvent || detail.Action != fleet.JobInProgress {
			e.t.Fatalf("event %s %s: %v", event.DetailType, detail.Action, err)
		}
		if _, err := e.Fleet().LearnJob(e.t.Context(), detail.Job); err != nil {
			e.t.Fatal(err)
		}
	}
}

func onBranch(job fleet.Job, branch string) fleet.Job {
	job.HeadBranch = branch
	return job
}

var itsRun = fleet.JobHint{Repository: lifecycletest.Repository, WorkflowRunID: 1}

func TestTheAnswerToAHook(t *testing.T) {
	for sentence, c := range map[string]struct {
		given   func(e *enforced) (job fleet.Job) // the job that the runner gets; it was launched for job 7
		before  func(e *enforced, id string)      // what is so when the hook asks
		verdict fleet.Verdict
		rule    string
		asked   []string // of GitHub
		events  int
		run     fleet.RunStatus // in the end
	}{
		"its own job, of which no webhook has told": {
			given:   func(e *enforced) fleet.Job { return e.GitHub.Has(7) },
			verdict: fleet.Admitted, asked: []string{"Job"}, events: 1, run: fleet.RunRunning,
		},
		"its own job, of which a webhook has told": {
			given: func(e *enforced) fleet.Job { return e.GitHub.Has(7) },
			before: func(e *enforced, id string) {
				_, _ = e.Fleet().LearnJob(e.t.Context(), e.GitHub.Has(7))
			},
			verdict: fleet.Admitted, run: fleet.RunRunning,
		},
		"its own job, which Validate has admitted by a newer policy": {
			given: func(e *enforced) fleet.Job { e.policy.RequiredLabel = "small-fleet"; return e.GitHub.Has(7) },
			before: func(e *enforced, id string) {
				e.EditRunner(id, func(r *fleet.Runner) { *r = r.Mark(fleet.StageAdmitted, e.Now()) })
			},
			verdict: fleet.Admitted, asked: []string{"Job"}, events: 1, run: fleet.RunRunning,
		},
		"another's, although Validate has admitted the runner's own": {
			given: func(e *enforced) fleet.Job { return onBranch(e.Job(8), "release") },
			before: func(e *enforced, id string) {
				e.EditRunner(id, func(r *fleet.Runner) { *r = r.Mark(fleet.StageAdmitted, e.Now()) })
			},
			verdict: fleet.Refused, rule: "policy.no-release", asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRefused,
		},
		"another's that is admitted": {
			given:   func(e *enforced) fleet.Job { return e.Job(8) },
			verdict: fleet.Admitted, asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRunning,
		},
		"another's that is refused, and no webhook ever told of it": {
			given:   func(e *enforced) fleet.Job { return onBranch(e.Job(8), "release") },
			verdict: fleet.Refused, rule: "policy.no-release", asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRefused,
		},
		"another's that Validate has still to refuse": {
			given: func(e *enforced) fleet.Job {
				job := onBranch(e.Job(8), "release")
				e.Launch(job)
				return job
			},
			verdict: fleet.Refused, rule: "policy.no-release", asked: []string{"Job", "JobsOf"}, events: 1, run: fleet.RunRefused,
		},
		"another's that is refused, of which a webhook has told": {
			given: func(e *enforced) fleet.Job {
				job := onBranch(e.Job(8), "release")
				e.Launch(job)
				return job
			},
			before: func(e *enforced, id string) {
				_, _ = e.Fleet().LearnJob(e.t.Context(), e.GitHub.Has(8))
			},
			verdict: fleet.Refused, rule: "policy.no-release", events: 1, run: fleet.RunRefused,
		},
		"a fork's": {
			given: func(e *enforced) fleet.Job {
				e.GitHub.Origin = fleet.Origin{Fork: new(true)}
				job := onBranch(e.Job(8), "fork")
				e.Launch(job)
				return job
			},
			verdict: fleet.Refused, rule: "policy.no-forks", asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRefused,
		},
		"one of a branch of that name, of no fork": {
			given: func(e *enforced) fleet.Job {
				e.GitHub.Origin = fleet.Origin{Fork: new(false)}
				return onBranch(e.Job(8), "fork")
			},
			verdict: fleet.Admitted, asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRunning,
		},
		"one without the label that the fleet requires": {
			given: func(e *enforced) fleet.Job {
				e.policy.RequiredLabel = "small-fleet"
				return e.Job(8)
			},
			verdict: fleet.Refused, rule: "labels.required", asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRefused,
		},
		"a refused one that has been cancelled meanwhile": {
			given:   func(e *enforced) fleet.Job { return onBranch(e.Job(8), "release") },
			before:  func(e *enforced, id string) { e.GitHub.Set(lifecycletest.Completed(e.GitHub.Has(8), "cancelled")) },
			verdict: fleet.Refused, rule: "policy.no-release", asked: []string{"Job", "JobsOf", "WorkflowRun"}, events: 1, run: fleet.RunRefused,
		},
		"a refused one, and the fleet enforces no more": {
			given:   func(e *enforced) fleet.Job { e.policy.EnforcePolicy = false; return onBranch(e.Job(8), "release") },
			verdict: fleet.Admitted, asked: []string{"Job", "JobsOf"}, events: 1, run: fleet.RunRunning,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			e := newEnforced(t)
			id := e.idle(e.Job(7))
			e.GitHub.Visibility = "private"
			job := c.given(e)
			e.GitHub.Private = true
			e.gives(job, id)
			if c.before != nil {
				c.before(e, id)
			}
			e.GitHub.Calls = nil
			reply := e.ask(id, itsRun)
			if reply.Status != http.StatusOK || reply.Body.Verdict != c.verdict || reply.Body.Rule != c.rule || reply.Body.JobID != job.JobID {
				t.Fatalf("answered %+v", reply)
			}
			if (reply.Body.Reason != "") != (c.verdict == fleet.Refused) {
				t.Errorf("the reason is %q", reply.Body.Reason)
			}
			if diff := cmp.Diff(c.asked, e.GitHub.Calls); diff != "" || len(e.Bus.Events) != c.events {
				t.Errorf("%d events; of GitHub (-want +asked)\n%s", len(e.Bus.Events), diff)
			}
			e.deliver()
			run := e.Run(fleet.RunID(job.JobID))
			if run.Status != c.run || run.RanOn != id || e.Runner(id).Took != job.JobID {
				t.Errorf("the run is %s on %q, the runner took %d", run.Status, run.RanOn, e.Runner(id).Took)
			}
			if c.run == fleet.RunRefused && (!run.Job.Private || c.rule != "labels.required" && !run.Notice.Due(e.Now())) {
				t.Errorf("its developer is not shown why: private %t, %s", run.Job.Private, run.Notice)
			}
			if own := e.Run("job-7"); job.JobID != 7 && (own.RunnerID == id || own.Status.Terminal()) {
				t.Errorf("the runner's own job is %s with %q", own.Status, own.RunnerID)
			}

			// Whatever changes: the answer stays, and costs nothing.
			e.GitHub.Calls, e.Bus.Events, e.policy.Rules = nil, nil, nil
			if again := e.ask(id, itsRun); again.Body != reply.Body || e.GitHub.Calls != nil || e.Bus.Events != nil {
				t.Errorf("answered again with %+v; %q, %d events", again, e.GitHub.Calls, len(e.Bus.Events))
			}
		})
	}
}

func TestNoAnswerToAHook(t *testing.T) {
	own := func(e *enforced, id string) { e.gives(e.GitHub.Has(7), id) }
	stolen := func(e *enforced, id string) { e.gives(onBranch(e.Job(8), "release"), id) }
	for sentence, c := range map[string]struct {
		before func(e *enforced, id string)
		hint   fleet.JobHint
		nonce  string
		status int
		most   int // requests to GitHub in two minutes
	}{
		"GitHub has no job on the runner yet": {before: func(*enforced, string) {}, hint: itsRun, status: 503, most: 24},
		"a job that waits names the runner": {before: func(e *enforced, id string) {
			job := e.Job(8)
			job.RunnerName = fleet.RunnerName(id, 1)
			e.GitHub.Set(job)
		}, hint: itsRun, status: 503, most: 24},
		"a job names a runner of another registration": {
			before: func(e *enforced, id string) {
				job := lifecycletest.InProgress(e.Job(8), fleet.RunnerName(id, 1))
				job.RunnerID = 999
				e.GitHub.Set(job)
			}, hint: itsRun, status: 503, most: 24,
		},
		"a hint to another workflow run": {before: stolen, hint: fleet.JobHint{Repository: lifecycletest.Repository, WorkflowRunID: 2}, status: 503, most: 24},
		"no hint":                        {before: stolen, status: 503, most: 12},
		"GitHub is down": {before: func(e *enforced, id string) {
			own(e, id)
			e.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnavailable, "502")
		}, hint: itsRun, status: 503, most: 12},
		"GitHub refuses the credential": {before: func(e *enforced, id string) {
			own(e, id)
			e.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnauthorized, "401")
		}, hint: itsRun, status: 503, most: 12},
		"what is left is kept for claims": {before: func(e *enforced, id string) {
			own(e, id)
			e.GitHub.Left = fleet.Budget{Limit: 5000, Remaining: 3, Reset: e.Now().Add(time.Hour)}
		}, hint: itsRun, status: 503},
		"GitHub does not say whether it is of a fork": {before: func(e *enforced, id string) { job := onBranch(e.Job(8), "fork"); e.Launch(job); e.gives(job, id) }, hint: itsRun, status: 503, most: 36},
		"another nonce":        {before: own, hint: itsRun, nonce: "other", status: 401},
		"no nonce":             {before: own, hint: itsRun, nonce: "-", status: 400},
		"the runner has ended": {before: func(e *enforced, id string) { e.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closed }) }, hint: itsRun, status: 410},
	} {
		t.Run(sentence, func(t *testing.T) {
			e := newEnforced(t)
			id := e.idle(e.Job(7))
			c.before(e, id)
			e.GitHub.Calls = nil
			for until := e.Now().Add(fleet.HookWait); e.Now().Before(until); {
				req := claim.JobRequest{Request: claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"}, Hint: c.hint}
				if c.nonce != "" {
					req.Nonce = strings.TrimSuffix(c.nonce, "-")
				}
				reply := e.handler().HandleJob(t.Context(), req)
				if reply.Status != c.status || reply.Body.Verdict != "" || reply.Body.Message == "" || reply.Status == 503 && reply.RetryAfter < time.Second/2 {
					t.Fatalf("answered %+v", reply)
				}
				e.Pass(max(reply.RetryAfter, time.Second))
			}
			if len(e.GitHub.Calls) > c.most || c.most > 0 && len(e.GitHub.Calls) < c.most/2 {
				t.Errorf("GitHub was asked %d times", len(e.GitHub.Calls))
			}
			if e.Runner(id).Judged != nil || len(e.Bus.Events) > 0 {
				t.Errorf("judged %+v, %d events", e.Runner(id).Judged, len(e.Bus.Events))
			}
		})
	}
}

// GitHub says a moment later which job the runner has.
func TestAHookIsAnsweredAMomentLater(t *testing.T) {
	e := newEnforced(t)
	id := e.idle(e.Job(7))
	if reply := e.ask(id, itsRun); reply.Status != http.StatusServiceUnavailable {
		t.Fatalf("answered %+v", reply)
	}
	e.gives(e.GitHub.Has(7), id)
	if reply := e.obey(id, itsRun); reply.Body.Verdict != fleet.Admitted {
		t.Errorf("answered %+v", reply)
	}
}

func TestAHookIsCheckedAsAClaimIs(t *testing.T) {
	e := newEnforced(t)
	id := e.idle(e.Job(7))
	e.Records.Reads = 0
	for name, token := range map[string]string{"none": "", "another runner's": fleet.ClaimToken(key, "fleet-8-1")} {
		reply := e.handler().HandleJob(t.Context(), claim.JobRequest{Request: claim.Request{RunnerID: id, Token: token, Nonce: "nonce"}})
		if reply.Status != http.StatusUnauthorized || e.Records.Reads != 0 {
			t.Errorf("%s: status %d after %d reads", name, reply.Status, e.Records.Reads)
		}
	}

	c := newCloud(t)
	h := c.handler()
	h.Judge = e.handler().Judge
	c.EditRunner(c.id, func(r *fleet.Runner) { r.NonceHash = fleet.NonceHash("nonce") })
	reply := h.HandleJob(t.Context(), claim.JobRequest{Request: claim.Request{RunnerID: c.id, Token: fleet.ClaimToken(key, c.id), Nonce: "nonce"}})
	if reply.Status != http.StatusUnauthorized || reply.Body.Error != fleet.ClaimUnidentified {
		t.Errorf("without its task's signature: %+v", reply)
	}
}

// A runner of an organization may have a job of another repository, and a hint must not lead
// out of the organization.
func TestAHookOfAnOrganizationsRunner(t *testing.T) {
	for repository, want := range map[string]struct {
		status int
		rule   string
	}{
		"octo/other":            {200, ""},
		"octo/not-served":       {200, "repository.foreign"},
		"hostile/repo":          {503, ""},
		"octo/../../users/octo": {503, ""},
	} {
		e := newEnforced(t)
		e.org, e.policy.Repositories = "octo", append(e.policy.Repositories, "octo/other")
		id := e.idle(e.Job(7))
		job := e.Job(8)
		job.Repository = repository
		e.GitHub.Private = true
		e.gives(job, id)
		reply := e.ask(id, fleet.JobHint{Repository: repository, WorkflowRunID: 1})
		if reply.Status != want.status || reply.Body.Rule != want.rule {
			t.Errorf("%s: answered %+v", repository, reply)
		}
	}
}

// The bus does not take the event. The job ends all the same, and what comes of it next
// makes it known.
func TestTheBusIsAway(t *testing.T) {
	e := newEnforced(t)
	id := e.idle(e.Job(7))
	job := onBranch(e.Job(8), "release")
	e.GitHub.Private = true
	e.gives(job, id)
	h := e.handler()
	h.Judge.Bus = away{}
	reply := h.HandleJob(t.Context(), claim.JobRequest{Request: claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"}, Hint: itsRun})
	if reply.Status != http.StatusOK || reply.Body.Verdict != fleet.Refused {
		t.Fatalf("answered %+v", reply)
	}
	if _, err := e.Fleet().LearnJob(t.Context(), lifecycletest.Completed(e.GitHub.Has(8), "cancelled")); err != nil {
		t.Fatal(err)
	}
	if run := e.Run("job-8"); run.Status != fleet.RunRefused || run.Conclusion != "cancelled" || run.RanOn != id {
		t.Errorf("the run is %s, %q, on %q", run.Status, run.Conclusion, run.RanOn)
	}
}

type away struct{}

func (away) Put(context.Context, fleet.Event) error { return errors.New("no bus") }

// budgetAsked keeps all of the limit of one place for claims.
type budgetAsked struct {
	*lifecycletest.GitHub
	usedUp string
}

func (b budgetAsked) Budget(_ context.Context, place string, now time.Time) (fleet.Budget, error) {
	if place != b.usedUp {
		return fleet.Budget{}, nil
	}
	return fleet.Budget{Limit: 5000, Remaining: 3, Reset: now.Add(time.Hour)}, nil
}

// A warm runner of an organization belongs to no repository until it has a job.
func TestAHookOfAnOrganizationSparesItsLimit(t *testing.T) {
	e := newEnforced(t)
	id := e.idle(e.Job(7))
	e.EditRunner(id, func(r *fleet.Runner) { r.Repository, r.RegisteredIn = "", fleet.OrganizationPlace("octo") })
	e.org = "octo"
	h := e.handler()
	h.Judge.GitHub = budgetAsked{e.GitHub, fleet.OrganizationPlace("octo")}
	e.GitHub.Calls = nil
	reply := h.HandleJob(t.Context(), claim.JobRequest{Request: claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"}, Hint: itsRun})
	if reply.Status != http.StatusServiceUnavailable || len(e.GitHub.Calls) != 0 {
		t.Errorf("answered %+v, after GitHub was asked %q", reply, e.GitHub.Calls)
	}
}

// The function may die anywhere, and is asked again.
func TestAHookIsAnsweredByAFunctionThatDies(t *testing.T) {
	for _, branch := range []string{"main", "release"} {
		var e *enforced
		lifecycletest.KillEverywhere(t, func(t *testing.T) *world {
			e = newEnforced(t)
			id := e.idle(e.Job(7))
			job := onBranch(e.Job(8), branch)
			e.GitHub.Private = true
			e.gives(job, id)
			return e.world
		}, func(w *world) error {
			if reply := e.obey("fleet-7-1", itsRun); reply.Status != http.StatusOK {
				return fmt.Errorf("answered %+v", reply)
			}
			return nil
		}, func(*world) { e.deliver() })
	}
}

func TestWhoseHookAsks(t *testing.T) {
	for name, c := range map[string]struct {
		enforce, canAsk bool
		want            fleet.JobHook
	}{
		"a fleet that enforces":                   {true, true, fleet.HookAsks},
		"a fleet that enforces, and an old image": {true, false, fleet.HookMissing},
		"a fleet that does not":                   {false, true, ""},
		"a fleet that does not, and an old image": {false, false, ""},
	} {
		w := lifecycletest.New(t)
		id := w.Up(w.Job(7))
		h := handler(w)
		h.Enforce, h.Judge.Cursors = c.enforce, w.Records
		reply := h.Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce", CanAsk: c.canAsk})
		if reply.Body.AskAboutJob != (c.want == fleet.HookAsks) || w.Runner(id).Hook != c.want || reply.Status != http.StatusOK {
			t.Errorf("%s: told to ask %t, recorded as %q", name, reply.Body.AskAboutJob, w.Runner(id).Hook)
		}
		if warned := strings.Contains(w.Log.String(), "policy is not enforced on a runner"); warned != (c.want == fleet.HookMissing) {
			t.Errorf("%s: warned %t", name, warned)
		}
		note, err := w.Records.Cursor(t.Context(), fleet.UnenforcedCursor)
		if err != nil || strings.Contains(note, `"runner_id":"fleet-7-1"`) != (c.want == fleet.HookMissing) {
			t.Errorf("%s: doctor hears %q (%v)", name, note, err)
		}
	}
}

func TestAHookBehindAPIGateway(t *testing.T) {
	e := newEnforced(t)
	id := e.idle(e.Job(7))
	e.gives(e.GitHub.Has(7), id)
	ask := func(body string) events.APIGatewayV2HTTPResponse {
		resp, err := e.handler().ServeAPIGateway(t.Context(), events.APIGatewayV2HTTPRequest{
			RouteKey: "POST /runners/{id}/job", Headers: map[string]string{"authorization": "Bearer " + fleet.ClaimToken(key, id)},
			PathParameters: map[string]string{"id": id}, Body: body,
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if resp := ask(`{`); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("got %d", resp.StatusCode)
	}
	if resp := ask(`{"nonce":"nonce","repository":"octo/repo","workflow_run_id":1}`); resp.StatusCode != http.StatusOK || resp.Body != `{"job_id":7,"verdict":"admitted"}` {
		t.Errorf("got %d %s", resp.StatusCode, resp.Body)
	}
	if slices.Contains(e.GitHub.Calls, "Register") {
		t.Error("a question was taken for a claim")
	}
}

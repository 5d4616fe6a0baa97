package validate_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

func run(t *testing.T, w *world, id string, job fleet.Job) (fleet.Plan, error) {
	return runWith(t, w, w.Policy(), id, job)
}

func runWith(t *testing.T, w *world, policy fleet.Policy, id string, job fleet.Job) (fleet.Plan, error) {
	step := validate.Step{Fleet: w.Fleet(), Policy: policy, Budgets: w.GitHub}
	return step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Schema: fleet.Schema, RunID: w.Runner(id).RunID, Job: job}})
}

func TestPlan(t *testing.T) {
	cases := map[string]struct {
		labels   []string
		before   func(w *world, job fleet.Job)
		decision fleet.Verdict
		reason   string
		rule     string
		err      string
	}{
		"a queued job is admitted": {decision: fleet.Admitted},
		"a job of an unknown class is refused": {
			labels:   []string{"self-hosted", "class:huge"},
			decision: fleet.Refused, rule: "class.unknown", reason: `class "huge" is not one of large, small`,
		},
		"a label that is not ours is refused here": {
			labels:   []string{"self-hosted", "gpu"},
			decision: fleet.Refused, rule: "labels.unknown", reason: `label "gpu" is not one of this fleet's`,
		},
		"GitHub is down: admitted": {
			before:   func(w *world, _ fleet.Job) { w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnavailable, "502") },
			decision: fleet.Admitted,
		},
		"GitHub limits our rate: admitted": {
			before:   func(w *world, _ fleet.Job) { w.GitHub.Fails["Job"] = lifecycletest.Limited(time.Minute) },
			decision: fleet.Admitted,
		},
		"what is left is kept for claims: admitted, and GitHub is not asked": {
			before: func(w *world, job fleet.Job) {
				w.GitHub.Set(lifecycletest.Completed(job, "cancelled"))
				w.GitHub.Left = left(w, 6)
			},
			decision: fleet.Admitted,
		},
		"enough is left for the runners that are open": {
			before: func(w *world, job fleet.Job) {
				w.GitHub.Set(lifecycletest.Completed(job, "cancelled"))
				w.GitHub.Left = left(w, 7)
			},
			decision: fleet.NotWanted, reason: "the job is completed on GitHub and needs no runner",
		},
		"GitHub's hour is over: it is asked": {
			before: func(w *world, job fleet.Job) {
				w.GitHub.Set(lifecycletest.Completed(job, "cancelled"))
				w.GitHub.Left = left(w, 0)
				w.Pass(time.Hour)
			},
			decision: fleet.NotWanted, reason: "the job is completed on GitHub and needs no runner",
		},
		"GitHub refuses the credential": {
			before: func(w *world, _ fleet.Job) { w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnauthorized, "401") },
			err:    fleet.GitHubUnauthorized,
		},
		"GitHub's certificate is not trusted": {
			before: func(w *world, _ fleet.Job) { w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUntrusted, "x509") },
			err:    fleet.GitHubUntrusted,
		},
		"GitHub does not show the job": {
			before: func(w *world, _ fleet.Job) { w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubNotFound, "404") },
			err:    fleet.GitHubNotFound,
		},
		"GitHub refuses the repository": {
			before: func(w *world, _ fleet.Job) { w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubNoAccess, "403") },
			err:    fleet.GitHubNoAccess,
		},
		"GitHub holds the job back": {
			before: func(w *world, job fleet.Job) {
				job.Status = fleet.JobPending
				w.GitHub.Set(job)
			},
			err: fleet.GitHubJobPending,
		},
		"the job was cancelled and no webhook told": {
			before:   func(w *world, job fleet.Job) { w.GitHub.Set(lifecycletest.Completed(job, "cancelled")) },
			decision: fleet.NotWanted, reason: "the job is completed on GitHub and needs no runner",
		},
		"the job waits for an approval": {
			before:   func(w *world, job fleet.Job) { w.GitHub.Set(lifecycletest.Waiting(job)) },
			decision: fleet.NotWanted, reason: "the job is waiting on GitHub and needs no runner",
		},
		"somebody else's runner has the job": {
			before:   func(w *world, job fleet.Job) { w.GitHub.Set(lifecycletest.InProgress(job, "theirs")) },
			decision: fleet.NotWanted, reason: "the job is in_progress on GitHub and needs no runner",
		},
		"the runner was let go": {
			before: func(w *world, job fleet.Job) {
				if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(job, "cancelled")); err != nil {
					t.Fatal(err)
				}
			},
			decision: fleet.NotWanted, reason: "its job was cancelled on GitHub before it took it",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7, c.labels...)
			id := w.Launch(job)
			if c.before != nil {
				c.before(w, job)
			}
			plan, err := run(t, w, id, job)
			if fleet.ErrorName(err) != c.err {
				t.Fatalf("error %v, want %s", err, c.err)
			}
			if plan.Decision != c.decision || plan.Reason != c.reason || plan.Rule != c.rule {
				t.Errorf("%s by %q: %s", plan.Decision, plan.Rule, plan.Reason)
			}
			if admitted := plan.Decision == fleet.Admitted; admitted != !w.Runner(id).At(fleet.StageAdmitted).IsZero() {
				t.Error("the record does not say whether it was admitted")
			}
			if w.Tasks.Count() != 0 || len(w.GitHub.Names()) != 0 {
				t.Error("something was spent")
			}
		})
	}
}

// left is a budget of which so much is left for half an hour.
func left(w *world, remaining int) fleet.Budget {
	return fleet.Budget{Credential: "token", Resource: "core", Limit: 5000, Remaining: remaining, Reset: w.Now().Add(30 * time.Minute)}
}

func TestPlanHasLimitsAndSize(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7, "self-hosted", "class:large", "image:node:22")
	id := w.Launch(job)
	policy := w.Policy()
	policy.LogMiB = 64
	plan, err := runWith(t, w, policy, id, job)
	if err != nil {
		t.Fatal(err)
	}
	if plan.LogMiB != 64 {
		t.Errorf("a log of %d MiB", plan.LogMiB)
	}
	if plan.ClassName != "large" || plan.Size.CPU != 4096 || plan.ImageSpec.String() != "image:docker.io/library/node:22" {
		t.Errorf("class %s, size %+v, image %s", plan.ClassName, plan.Size, plan.ImageSpec)
	}
	if plan.StartSeconds != 900 || plan.IdleSeconds != 300 || plan.BuildSeconds != 3600+3600+600 || plan.BuildLeaseSeconds != 900 {
		t.Errorf("limits %+v", plan)
	}
	if r := w.Runner(id); r.ClassName != "large" || w.Run("job-7").Image != "image:docker.io/library/node:22" {
		t.Error("the records do not show class and image")
	}
}

func TestRefusedAsksNobody(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7, "self-hosted", "class:huge")
	if _, err := run(t, w, w.Launch(job), job); err != nil || len(w.GitHub.Calls) != 0 {
		t.Errorf("%v; calls of GitHub: %q", err, w.GitHub.Calls)
	}
}

func TestKilled(t *testing.T) {
	cases := map[string]func(job fleet.Job) fleet.Job{
		"queued":    func(job fleet.Job) fleet.Job { return job },
		"cancelled": func(job fleet.Job) fleet.Job { return lifecycletest.Completed(job, "cancelled") },
		"waiting":   lifecycletest.Waiting,
		"elsewhere": func(job fleet.Job) fleet.Job { return lifecycletest.InProgress(job, "theirs") },
	}
	for name, onGitHub := range cases {
		t.Run(name, func(t *testing.T) {
			var job fleet.Job
			setup := func(t *testing.T) *world {
				w := lifecycletest.New(t)
				job = w.Job(7)
				w.Launch(job)
				w.GitHub.Set(onGitHub(job))
				return w
			}
			lifecycletest.KillEverywhere(t, setup, func(w *world) error {
				_, err := run(t, w, "fleet-7-1", job)
				return err
			}, nil)
		})
	}
}

// After a swap it is the other's job that says whether the runner is needed.
func TestAfterASwap(t *testing.T) {
	notFound := fleet.Errorf(fleet.GitHubNotFound, "404")
	cases := map[string]struct {
		onGitHub func(w *world)
		decision fleet.Verdict
		err      string
	}{
		"GitHub does not know the job that it was launched for": {onGitHub: func(w *world) { w.GitHub.Gone(7) }, decision: fleet.Admitted},
		"GitHub does not know the job that it is for":           {onGitHub: func(w *world) { w.GitHub.Gone(8) }, err: fleet.ErrorName(notFound)},
		"the job that it is for was cancelled": {
			onGitHub: func(w *world) { w.GitHub.Set(lifecycletest.Completed(w.GitHub.Has(8), "cancelled")) },
			decision: fleet.NotWanted,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7)
			id := w.Launch(job)
			thief := w.Idle(w.Job(8))
			if _, err := w.Fleet().LearnJob(t.Context(), lifecycletest.InProgress(job, fleet.RunnerName(thief, 1))); err != nil {
				t.Fatal(err)
			}
			c.onGitHub(w)
			plan, err := run(t, w, id, job)
			if plan.Decision != c.decision || fleet.ErrorName(err) != c.err {
				t.Errorf("%s, %v", plan.Decision, err)
			}
		})
	}
}

// GitHub's answer is the first that shows the swap.
func TestASwapIsLearntHere(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id, thief := w.Launch(job), w.Idle(w.Job(8))
	w.GitHub.Set(lifecycletest.InProgress(job, fleet.RunnerName(thief, 1)))
	if plan, err := run(t, w, id, job); err != nil || plan.Decision != fleet.Admitted || w.Run("job-8").RunnerID != id {
		t.Errorf("%+v, %v\n%s", plan, err, w.State())
	}
}

// own is what a fleet knows of its installations.
type own struct {
	id  int64
	err error
}

func (o own) CanRegister(context.Context, string, bool) error { return o.err }

func (o own) CanIdle(context.Context, string) error { return o.err }

func (o own) IsInstallation(_ context.Context, _ string, id int64) (bool, error) {
	return id == o.id, o.err
}

func TestForeignInstallations(t *testing.T) {
	for name, c := range map[string]struct {
		installation int64 // of the webhook
		token        bool  // the fleet has a token and no App
		asked        error
		rule         string
		err          string
	}{
		"the fleet's own":                   {installation: 5},
		"another's":                         {installation: 6, rule: "installation.foreign"},
		"a repository's webhook names none": {},
		"a fleet with a token":              {installation: 6, token: true},
		"GitHub shows none of the fleet's":  {installation: 6, asked: fleet.Errorf(fleet.GitHubNotFound, "404")},
		"GitHub is down":                    {installation: 6, asked: fleet.Errorf(fleet.GitHubUnavailable, "502")},
		"GitHub refuses the key":            {installation: 6, asked: fleet.Errorf(fleet.GitHubUnauthorized, "401"), err: fleet.GitHubUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7)
			id := w.Launch(job)
			job.InstallationID = c.installation
			policy := w.Policy()
			policy.GitHubApp = !c.token
			step := validate.Step{Fleet: w.Fleet(), Policy: policy, Budgets: w.GitHub, Access: own{5, c.asked}}
			plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Schema: fleet.Schema, RunID: w.Runner(id).RunID, Job: job}})
			if plan.Rule != c.rule || fleet.ErrorName(err) != c.err {
				t.Errorf("%s by %q, %v", plan.Decision, plan.Rule, err)
			}
			if c.rule != "" && len(w.GitHub.Calls) != 0 {
				t.Errorf("GitHub was asked: %q", w.GitHub.Calls)
			}
		})
	}
}

// A runner group that does not exist stops a job before a task costs anything.
func TestRunnerGroups(t *testing.T) {
	for name, c := range map[string]struct {
		group string
		asked error
		err   string
	}{
		"none":                          {asked: fleet.Errorf(fleet.GitHubNotFound, "no such group")},
		"one":                           {group: "fleet"},
		"one that is missing":           {group: "fleet", asked: fleet.Errorf(fleet.GitHubNotFound, "no such group"), err: fleet.GitHubNotFound},
		"one that GitHub does not show": {group: "fleet", asked: fleet.Errorf(fleet.GitHubNoAccess, "403"), err: fleet.GitHubNoAccess},
		"GitHub is down":                {group: "fleet", asked: fleet.Errorf(fleet.GitHubUnavailable, "502")},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7)
			id := w.Launch(job)
			policy := w.Policy()
			policy.Organization, policy.RunnerGroup = "octo", c.group
			step := validate.Step{Fleet: w.Fleet(), Policy: policy, Budgets: w.GitHub, Access: own{err: c.asked}}
			_, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Schema: fleet.Schema, RunID: w.Runner(id).RunID, Job: job}})
			if fleet.ErrorName(err) != c.err {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}

// remembers is what a fleet knows of its runner group, and how it was asked.
type remembers struct {
	own
	anew *[]bool
}

func (r remembers) CanRegister(_ context.Context, _ string, anew bool) error {
	*r.anew = append(*r.anew, anew)
	return nil
}

// The id of a runner group is remembered. Where its last try failed, a run asks GitHub: a task
// that could not register would cost as much each time.
func TestARunThatCouldNotRegisterAsksAnew(t *testing.T) {
	for name, c := range map[string]struct {
		setback *fleet.Setback
		want    bool
	}{
		"its first try":             {nil, false},
		"its group was missing":     {&fleet.Setback{Kind: fleet.SetbackAccess, Name: fleet.GitHubNoRunnerGroup}, true},
		"it waited for another run": {&fleet.Setback{Kind: fleet.SetbackAccess, Hold: "access"}, true},
		"there was no capacity":     {&fleet.Setback{Kind: fleet.SetbackCapacity}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7)
			id := w.Launch(job)
			w.EditRun("job-7", func(r *fleet.Run) { r.Setback = c.setback })
			policy := w.Policy()
			policy.Organization, policy.RunnerGroup = "octo", "fleet"
			var anew []bool
			step := validate.Step{Fleet: w.Fleet(), Policy: policy, Budgets: w.GitHub, Access: remembers{anew: &anew}}
			_, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Schema: fleet.Schema, RunID: "job-7", Job: job}})
			if err != nil || len(anew) != 1 || anew[0] != c.want {
				t.Errorf("%v, asked anew: %v, want %t", err, anew, c.want)
			}
		})
	}
}

// In an organization a swap may lead to a job of another repository, where GitHub is asked
// for it.
func TestAfterASwapAcrossRepositories(t *testing.T) {
	w := lifecycletest.New(t)
	thief := w.Idle(w.Job(7))
	job := w.Job(8)
	job.Repository = "octo/site"
	w.GitHub.Set(job)
	id := w.Launch(job)
	lc := w.Fleet()
	lc.SharedPlace = fleet.OrganizationPlace("octo")
	taken := lifecycletest.InProgress(job, fleet.RunnerName(thief, 1))
	w.GitHub.Set(taken)
	if _, err := lc.LearnJob(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	policy := w.Policy()
	policy.Organization = "octo"
	step := validate.Step{Fleet: lc, Policy: policy, Budgets: w.GitHub}
	plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Schema: fleet.Schema, RunID: w.Runner(id).RunID, Job: job}})
	if plan.Decision != fleet.Admitted || err != nil || w.Runner(id).For != "job-7" {
		t.Errorf("%s, %v; the runner is for %s", plan.Decision, err, w.Runner(id).For)
	}
}

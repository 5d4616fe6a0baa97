package validate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func asked(w *world, what string) bool { return slices.Contains(w.GitHub.Calls, what) }

// Where a rule depends on the workflow run, the job waits for GitHub's answer: it is never
// admitted by guess, and never refused by one.
func TestWithoutAnAnswerTheJobWaits(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world)
		err    string
		says   string
	}{
		"GitHub is down": {
			func(w *world) { w.GitHub.Fails["WorkflowRun"] = fleet.Errorf(fleet.GitHubUnavailable, "502") },
			fleet.GitHubUnavailable, "rule no-forks depends on fork, which is not known: 502",
		},
		"GitHub limits our rate": {
			func(w *world) { w.GitHub.Fails["WorkflowRun"] = lifecycletest.Limited(time.Minute) },
			fleet.GitHubRateLimited, "no-forks",
		},
		"GitHub does not show the run": {
			func(w *world) { w.GitHub.Fails["WorkflowRun"] = fleet.Errorf(fleet.GitHubNotFound, "404") },
			fleet.GitHubNotFound, "does the token of github_pat see octo/repo?",
		},
		"the credential may not read it": {
			func(w *world) { w.GitHub.Fails["WorkflowRun"] = fleet.Errorf(fleet.GitHubNoAccess, "403") },
			fleet.GitHubNoAccess, "Actions (read)",
		},
		"the answer does not say it": {func(*world) {}, fleet.GitHubUnavailable, "GitHub's answer does not have it"},
		"what is left is kept for claims": {
			func(w *world) { w.GitHub.Left = left(w, 6) },
			fleet.GitHubRateLimited, "kept for claims",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7)
			id := w.Launch(job)
			c.before(w)
			policy := w.Policy()
			policy.Rules = []fleet.Rule{{Name: "no-forks", Fork: new(true), Refuse: "no"}}
			plan, err := runWith(t, w, policy, id, job)
			if fleet.ErrorName(err) != c.err || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%+v, %v; want %s: …%s…", plan, err, c.err, c.says)
			}
			if !fleet.MayPass(err) {
				t.Error("it is not tried again")
			}
			if w.Tasks.Count() != 0 || !w.Run("job-7").At(fleet.StageAdmitted).IsZero() {
				t.Error("something was spent")
			}
		})
	}
}

func TestTheRunIsAskedForOnce(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id := w.Launch(job)
	w.GitHub.Origin = fleet.Origin{Event: new("push"), Branch: new(""), Fork: new(false)}
	policy := w.Policy()
	policy.Rules = []fleet.Rule{
		{Name: "a", Fork: new(true), Refuse: "no"},
		{Name: "b", Branch: fleet.Patterns{"main"}, Refuse: "no"},
		{Name: "c", Event: fleet.Patterns{"push"}, Allow: true},
	}
	plan, err := runWith(t, w, policy, id, job)
	if err != nil || plan.Decision != fleet.Admitted || plan.Rule != "policy.c" {
		t.Fatalf("%+v, %v", plan, err)
	}
	if n := strings.Count(strings.Join(w.GitHub.Calls, " "), "WorkflowRun"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// GitHub's answer says whether a repository is internal, if the webhook did not.
func TestTheVisibilityIsAskedFor(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id := w.Launch(job)
	w.GitHub.Visibility = fleet.VisibilityInternal
	policy := w.Policy()
	policy.Rules = []fleet.Rule{{Name: "no-internal", Visibility: fleet.Patterns{fleet.VisibilityInternal}, Refuse: "no"}}
	if plan, err := runWith(t, w, policy, id, job); err != nil || plan.Rule != "policy.no-internal" {
		t.Errorf("%+v, %v", plan, err)
	}
}

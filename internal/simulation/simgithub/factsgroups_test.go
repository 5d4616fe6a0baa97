package simgithub_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

const group = "Fleet"

// inOrganization is a world whose owner is an organization with a runner group; its repository
// other is public.
func inOrganization(t *testing.T) (*world, *contract.Contract, github.ForFleet) {
	cfg := config()
	cfg.Full, cfg.Organizations, cfg.RunnerGroups = true, []string{"octo"}, []string{group}
	w := worldOf(t, cfg)
	checked := contract.New(t)
	client := github.New(base, github.PAT(func(context.Context) (string, error) { return w.token, nil }), &http.Client{Transport: checked.Transport(w)})
	return w, checked, github.ForFleet{Client: client, Scope: github.Scope{Place: fleet.OrganizationPlace("octo"), Group: "fleet"}}
}

// in registers a runner of the organization, which has to work, and connects it.
func (w *world) in(f github.ForFleet, name string) *runner {
	w.t.Helper()
	r := &runner{}
	var encoded string
	var err error
	w.do(func() {
		registration, config, problem := f.Register(context.Background(), f.Scope.Place, name, labels)
		r.id, encoded, err = registration.ID, config, problem
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.connect(r, encoded)
	return r
}

// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/manage-access
func TestFactsOfRunnerGroups(t *testing.T) {
	t.Run("all private repositories of the organization may use a group", func(t *testing.T) {
		w, _, f := inOrganization(t)
		r := w.in(f, "a")
		id := w.queue(simgithub.JobSpec{})
		w.pass(time.Minute)
		sameList(t, "taken", r.jobs, id)
		same(t, "the webhook's group", w.got[len(w.got)-1].Job.RunnerGroup, group)
	})
	t.Run("public ones may once it allows them", func(t *testing.T) {
		w, _, f := inOrganization(t)
		r := w.in(f, "a")
		id := w.queue(simgithub.JobSpec{Repository: other})
		w.pass(time.Hour)
		sameList(t, "taken", r.jobs)
		w.do(func() {
			if err := f.CanIdle(context.Background(), f.Scope.Place); err != nil {
				t.Error(err)
			}
		})
		w.OpenRunnerGroup("octo", group, true)
		w.pass(time.Minute)
		sameList(t, "taken", r.jobs, id)
		w.do(func() {
			if err := f.CanIdle(context.Background(), f.Scope.Place); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
				t.Errorf("a group that allows public repositories: %v", err)
			}
		})
	})
	t.Run("the runners of a group that is deleted are in the default group, and none can be added", func(t *testing.T) {
		w, _, f := inOrganization(t)
		a, b := w.in(f, "a"), w.in(f, "b")
		w.DeleteRunnerGroup("octo", group)
		w.do(func() {
			if _, _, err := f.Register(context.Background(), f.Scope.Place, "c", labels); err == nil {
				t.Error("a runner was registered in a group that there is not")
			}
		})
		w.OpenRunnerGroup("octo", "Default", true)
		id := w.queue(simgithub.JobSpec{Repository: other})
		w.pass(time.Minute)
		sameList(t, "taken", append(a.jobs, b.jobs...), id)
		w.AddRunnerGroup("octo", group)
		w.in(f, "c")
	})
	t.Run("requests and answers are within the contract", func(t *testing.T) {
		w, checked, f := inOrganization(t)
		w.in(f, "a")
		for _, want := range []string{"GET /orgs/{org}/actions/runner-groups 200", "POST /orgs/{org}/actions/runners/generate-jitconfig 201"} {
			if !slices.Contains(checked.Seen(), want) {
				t.Errorf("%s was not asked for; these were: %q", want, checked.Seen())
			}
		}
	})
}

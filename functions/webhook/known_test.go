package webhook

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

func reported(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "reported", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// A job that the fleet has begun must also end there, whatever the labels say
// (actions/actions-runner-controller#1370).
func TestJobsThatAreKnown(t *testing.T) {
	none := set("workflow_job.labels", []string{})
	foreign := set("workflow_job.labels", []string{"ubuntu-latest"})
	for name, tc := range map[string]struct {
		body   []byte
		known  bool
		err    error
		status int
		read   int
	}{
		"the end of a job without its labels":                 {queued(t, set("action", "completed"), none), true, nil, 202, 2},
		"the beginning of one":                                {queued(t, set("action", "in_progress"), none), true, nil, 202, 2},
		"the end of a job whose labels are not ours any more": {queued(t, set("action", "completed"), foreign), true, nil, 202, 2},
		"the end of a job that is not ours":                   {queued(t, set("action", "completed"), foreign), false, nil, 200, 2},
		"a job that is not ours is queued":                    {queued(t, foreign), false, nil, 200, 0},
		"a job that is not ours waits":                        {queued(t, set("action", "waiting"), foreign), false, nil, 200, 0},
		"a job that is not ours in another repository":        {queued(t, set("action", "completed"), foreign, set("repository.full_name", "octo-org/site")), true, nil, 403, 0},
		"the table does not answer":                           {queued(t, set("action", "completed"), none), true, errors.New("down"), 503, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			if tc.known {
				b.table.runs["job-14541957942"] = fleet.Run{RunID: "job-14541957942"}
			}
			b.table.err = tc.err
			resp := b.send(sent("workflow_job", tc.body))
			if resp.Status != tc.status || b.table.read != tc.read || (len(b.bus.events) == 1) != (tc.status == 202) {
				t.Errorf("got %d after %d reads, with %d events: %s", resp.Status, b.table.read, len(b.bus.events), resp.Body.Reason)
			}
			if tc.err != nil && (strings.Contains(resp.Body.Reason, "down") || !strings.Contains(b.log.String(), "down")) {
				t.Errorf("the cause belongs into the log only: %s\n%s", resp.Body.Reason, b.log)
			}
		})
	}
}

// GitHub identifies repositories by id (actions/actions-runner-controller#3412).
func TestARenamedRepository(t *testing.T) {
	const was, is, id = "octo-org/app", "octo-org/next", 7
	at := func(name string, number int) []change {
		return []change{set("repository.full_name", name), set("repository.id", number)}
	}
	for name, tc := range map[string]struct {
		body   []byte
		down   bool
		status int
		says   string
	}{
		"under the name of the configuration": {queued(t, at(was, id)...), false, 202, ""},
		"under its new name":                  {queued(t, at(is, id)...), false, 202, ""},
		"a payload without an id":             {queued(t, set("repository.full_name", was)), false, 202, ""},
		"another one of that new name":        {queued(t, at(is, 8)...), false, 403, "octo-org/next is not a repository of this fleet"},
		"another one that took its old name":  {queued(t, at(was, 8)...), false, 403, "octo-org/app is another repository now (id 8) than the one that this fleet serves (id 7, octo-org/app by its last job)"},
		"the table is down":                   {queued(t, at(was, id)...), true, 202, ""},
		"the table is down for a new name":    {queued(t, at(is, id)...), true, 503, "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			if err := lifecycle.LearnRepository(t.Context(), b.table, b.Policy, fleet.Job{Repository: was, RepositoryID: id}); err != nil {
				t.Fatal(err)
			}
			if tc.down {
				b.table.err = errors.New("down")
			}
			resp := b.send(sent("workflow_job", tc.body))
			if resp.Status != tc.status || !strings.Contains(resp.Body.Reason, tc.says) {
				t.Errorf("got %d %s", resp.Status, resp.Body.Reason)
			}
		})
	}
}

func TestReportedPayloads(t *testing.T) {
	for _, file := range []string{"completed-without-labels.json", "queued-under-a-new-name.json"} {
		t.Run(file, func(t *testing.T) {
			b := newBench()
			b.Policy.Repositories = []string{"octo-org/demo"}
			b.table.runs["job-41000000008"] = fleet.Run{RunID: "job-41000000008"}
			if err := lifecycle.LearnRepository(t.Context(), b.table, b.Policy, fleet.Job{Repository: "octo-org/demo", RepositoryID: 7}); err != nil {
				t.Fatal(err)
			}
			if resp := b.send(sent("workflow_job", reported(t, file))); resp.Status != 202 || resp.Body.Status != Accepted {
				t.Errorf("got %d %+v", resp.Status, resp.Body)
			}
		})
	}
}

// GitHub may have held a job of ours back until another job ended: a concurrency group
// covers jobs on all runners.
func TestTheEndOfAnothersJobMayReleaseOurs(t *testing.T) {
	foreign := set("workflow_job.labels", []string{"ubuntu-latest"})
	held := fleet.Hold{Key: fleet.IdleHoldsOf("Octo-Org/App") + "70/0a"}
	for name, c := range map[string]struct {
		body  []byte
		holds []fleet.Hold
		busy  error
		put   bool
	}{
		"a run of its repository waits":    {queued(t, set("action", "completed"), foreign), []fleet.Hold{held}, nil, true},
		"one of another repository":        {queued(t, set("action", "completed"), foreign), []fleet.Hold{{Key: fleet.IdleHoldsOf("octo-org/other") + "70/0a"}}, nil, false},
		"none waits":                       {queued(t, set("action", "completed"), foreign), nil, nil, false},
		"it has only begun":                {queued(t, set("action", "in_progress"), foreign), []fleet.Hold{held}, nil, false},
		"the event cannot be stored":       {queued(t, set("action", "completed"), foreign), []fleet.Hold{held}, errors.New("busy"), false},
		"it ended in another's repository": {queued(t, set("action", "completed"), foreign, set("repository.full_name", "octo-org/site")), []fleet.Hold{held}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			b.table.holds, b.bus.err = c.holds, c.busy
			resp := b.send(sent("workflow_job", c.body))
			if resp.Body.Status == Accepted || resp.Status >= 500 {
				t.Errorf("the job is not ours, and the answer is %d: %+v", resp.Status, resp.Body)
			}
			if len(b.bus.events) > 0 != c.put {
				t.Fatalf("%d events", len(b.bus.events))
			}
			if c.put {
				e := b.bus.last(t)
				if e.Action != "completed" || !e.NotOurs || e.Job.Repository != "octo-org/app" || len(e.Job.Labels) > 0 || e.Wants != (fleet.Wants{}) {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

func TestARepositoryOfAWholeOrganization(t *testing.T) {
	for name, tc := range map[string]struct {
		body   []byte
		status int
	}{
		"any":               {queued(t, set("repository.full_name", "octo-org/never-heard-of")), 202},
		"public":            {queued(t, set("repository.full_name", "octo-org/open"), set("repository.private", false)), 202}, // recorded as refused
		"transferred away":  {queued(t, set("repository.full_name", "else/app")), 403},
		"its end elsewhere": {queued(t, set("action", "completed"), set("workflow_job.runner_name", "fleet-1-1.1"), set("repository.full_name", "else/app")), 403},
	} {
		b := newBench()
		b.Policy.Repositories, b.Policy.Organization = nil, "octo-org"
		resp := b.send(sent("workflow_job", tc.body))
		if resp.Status != tc.status || len(b.bus.events) == 1 != (tc.status == 202) {
			t.Errorf("%s: %d, %s", name, resp.Status, resp.Body.Reason)
		}
		if tc.status == 403 && !strings.Contains(resp.Body.Reason, "octo-org") {
			t.Errorf("%s: %s", name, resp.Body.Reason)
		}
		if name == "public" && resp.Body.Status != Refused {
			t.Errorf("%s: %s", name, resp.Body.Status)
		}
	}
}

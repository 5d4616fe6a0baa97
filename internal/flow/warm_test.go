//go:build aws

package flow

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TestAPoolOfWarmRunners has people change the class sizes in their parameter: the sweep fills
// the pool, a job runs on the runner that idles, GitHub deletes the next one, and a wrong number
// ends the pool and no job. Every call is checked against the policy of the function that makes
// it.
func TestAPoolOfWarmRunners(t *testing.T) {
	w := startWith(t, setup{policy: func(p *fleet.Policy) { p.EnforcePolicy = true }})
	w.guarded(t)
	w.storeClasses(`{"small":{"cpu":512,"memory":1024,"warm":{"count":1,"schedule":"daily 00:00-24:00 Europe/Berlin","rotate_after":"2h"}}}`)

	w.sweep()
	w.awaitIdle("flow-w1-1")
	w.sweep()
	if tasks := w.fargate.count(); tasks != 1 {
		t.Fatalf("%d tasks for a pool of one runner", tasks)
	}

	id := w.github.Queue(job("class:small"))
	w.awaitEnd(id)
	if run, tasks := w.run(id), w.fargate.count(); run.Conclusion != "success" || run.RanOn != "flow-w1-1" || tasks != 1 {
		t.Errorf("the job ends with %q on %q after %d tasks (%s)", run.Conclusion, run.RanOn, tasks, run.Reason)
	}
	w.endsGreen("flow-w1-1")

	w.sweep()
	w.awaitIdle("flow-w1-2")
	w.deleteIdle("flow-w1-2")
	w.endsGreen("flow-w1-2")
	w.sweep()
	state := w.pool()
	if tasks := w.fargate.count(); tasks != 2 || state.Lost != 1 || state.Launched != 2 || state.Taken != 1 || state.Failed != 0 {
		t.Errorf("%d tasks, pool %+v: what GitHub deleted is not replaced at once", tasks, state)
	}
	w.tenMinutesPass()
	w.sweep()
	w.awaitIdle("flow-w1-3")

	w.storeClasses(`{"small":{"cpu":512,"memory":1024,"warm":{"count":0}}}`)
	if _, err := w.invoke("sweep", []byte(`{"source":"aws.scheduler"}`)); err == nil || !strings.Contains(err.Error(), "class small: warm.count 0: use 1 to 100") {
		t.Errorf("the sweep says of a pool that cannot be: %v", err)
	}
	w.endsGreen("flow-w1-3")
	id = w.github.Queue(job())
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" {
		t.Errorf("without the pool the job ends with %q (%s)", run.Conclusion, run.Reason)
	}
	w.leftNothing()
}

// storeClasses changes the class sizes, and lets the time pass for which functions keep them.
func (w *world) storeClasses(text string) {
	w.t.Helper()
	w.stack.moto.json("ssm", "AmazonSSM.PutParameter", map[string]any{
		"Name": w.environment("sweep")[deployment.EnvClassSizes], "Type": "String", "Value": text, "Overwrite": true,
	})
	w.freshEnvironments()
}

// awaitIdle waits until a runner idles on GitHub, and returns the id of its registration.
func (w *world) awaitIdle(runnerID string) (registrationID int64) {
	w.t.Helper()
	w.await(runnerID+" online", func() bool {
		for _, r := range w.github.Runners() {
			if strings.HasPrefix(r.Name, runnerID+".") && r.Online {
				registrationID = r.ID
				return true
			}
		}
		return false
	})
	return registrationID
}

// deleteIdle is what GitHub does with a runner that has idled for some minutes.
func (w *world) deleteIdle(runnerID string) {
	w.t.Helper()
	at := fmt.Sprintf("%s/api/v3/repos/%s/actions/runners/%d", w.environment("sweep")[deployment.EnvGitHubURL], repository, w.awaitIdle(runnerID))
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, at, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusNoContent {
		w.t.Fatalf("delete %s: %s", at, resp.Status)
	}
}

// endsGreen waits until a runner is closed, and its execution has succeeded.
func (w *world) endsGreen(runnerID string) {
	w.t.Helper()
	var x engine.Execution
	w.await("end of "+runnerID, func() bool {
		var err error
		if x, err = w.engine.Describe(w.t.Context(), runnerID); err != nil {
			w.t.Fatal(err)
		}
		runner, _, err := w.records.Runner(w.t.Context(), runnerID)
		return err == nil && runner.Phase == fleet.Closed && x.Status != engine.Running
	})
	if x.Status != engine.Succeeded {
		w.t.Errorf("the execution of %s ends %s: %s %s", runnerID, x.Status, x.Error, x.Cause)
	}
}

// pool is the state of the only pool.
func (w *world) pool() fleet.PoolState {
	w.t.Helper()
	capacity, err := w.records.Capacity(w.t.Context())
	if err != nil || len(capacity.Pools) != 1 {
		w.t.Fatalf("pools %+v, %v", capacity.Pools, err)
	}
	for key := range capacity.Pools {
		return capacity.State(key, time.Now())
	}
	return fleet.PoolState{}
}

// tenMinutesPass makes the pool's last launch and loss as old.
func (w *world) tenMinutesPass() {
	w.t.Helper()
	w.await("ten minutes", func() bool {
		capacity, err := w.records.Capacity(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for key, s := range capacity.Pools {
			for _, at := range []*time.Time{&s.NextTry, &s.LostAt, &s.LaunchedAt} {
				*at = at.Add(-10 * time.Minute)
			}
			capacity.Pools[key] = s
		}
		err = w.records.Write(w.t.Context(), fleet.Changes{Capacity: &capacity})
		if err != nil && !fleet.IsNamed(err, fleet.RecordsConflict) {
			w.t.Fatal(err)
		}
		return err == nil
	})
}

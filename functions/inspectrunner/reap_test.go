package inspectrunner_test

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// TestReapingNeverKillsAJob tries 10,000 random orders of events in a runner's life:
// time passes, it claims, GitHub gives it a job (its own or another with the same
// labels), the webhook comes or is lost, the heartbeat times out and it is inspected,
// also while GitHub gives it a job. 5 % of GitHub's answers are wrong about whether it
// is busy or online. A runner that has a job must keep its task and its registration.
func TestReapingNeverKillsAJob(t *testing.T) {
	var reaped, busy int
	seeds := 10_000
	if testing.Short() {
		seeds = 1000
	}
	for seed := range uint64(seeds) {
		r := newReaping(t, seed)
		for range 12 {
			r.act()
			r.check()
		}
		if r.w.Runner(r.id).Phase != fleet.Open && !r.working {
			reaped++
		}
		if r.working {
			busy++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d runners were let go, %d had a job at the end", reaped, busy)
	if reaped < seeds/20 || busy < seeds/20 {
		t.Error("too little of either happened: this test shows nothing")
	}
}

type reaping struct {
	t       *testing.T
	seed    uint64
	random  *rand.Rand
	w       *world
	id      string
	own     fleet.Job
	other   fleet.Job
	claims  claim.Handler
	working bool // GitHub has given it a job
	events  []string
}

func newReaping(t *testing.T, seed uint64) *reaping {
	w := lifecycletest.New(t)
	r := &reaping{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), w: w, own: w.Job(7), other: w.Job(8)}
	r.id = w.Up(r.own)
	w.Launch(r.other)
	r.claims = claim.Handler{Fleet: w.Fleet(), GitHub: w.GitHub, Keys: [][]byte{[]byte("key")}, Log: slog.New(slog.DiscardHandler)}
	return r
}

func (r *reaping) note(what string) { r.events = append(r.events, what) }

func (r *reaping) act() {
	switch r.random.IntN(8) {
	case 0, 1:
		d := time.Duration(r.random.IntN(600)) * time.Second
		r.w.Pass(d)
		r.note("time " + d.String())
	case 2, 3:
		reply := r.claims.Handle(r.t.Context(), claim.Request{RunnerID: r.id, Token: fleet.ClaimToken([]byte("key"), r.id), Nonce: "nonce"})
		if reply.Body.RunnerName != "" {
			r.w.GitHub.Runner(reply.Body.RunnerName).Online = true
		}
		r.note("claim " + reply.Body.RunnerName)
	case 4:
		r.assign()
	default:
		r.inspect()
	}
	r.lie()
}

// registered is the name under which GitHub knows the runner, "" if it does not.
func (r *reaping) registered() string {
	for _, name := range r.w.GitHub.Names() {
		if runner := r.w.GitHub.Runner(name); runner.Online {
			return name
		}
	}
	return ""
}

// assign has GitHub give the runner a job. The webhook comes in half of the cases, and
// GitHub's API shows the job at once in all but 5 %.
func (r *reaping) assign() {
	name := r.registered()
	if name == "" || r.working {
		return
	}
	r.working = true
	r.w.GitHub.Runner(name).Working = true
	job := r.own
	if r.random.IntN(3) == 0 {
		job = r.other
	}
	running := lifecycletest.InProgress(job, name)
	r.note("job to " + name)
	if r.random.Float64() >= 0.05 {
		r.w.GitHub.Set(running)
	}
	if r.random.IntN(2) == 0 {
		if _, err := r.w.Fleet().LearnJob(r.t.Context(), running); err != nil {
			r.t.Errorf("seed %d: %v", r.seed, err)
		}
		r.note("in_progress")
	}
}

// inspect inspects the runner, sometimes while GitHub gives it a job.
func (r *reaping) inspect() {
	r.note("inspect")
	if r.random.IntN(2) == 0 {
		moments := []string{"GitHub.Job", "GitHub.Registration", "Records.Write", "Records.Runner"}
		r.w.After(moments[r.random.IntN(len(moments))], r.assign)
	}
	wait, err := run(r.t, r.w, r.id)
	if err != nil {
		r.t.Errorf("seed %d: inspect: %v", r.seed, err)
	}
	r.note("-> " + wait.Outcome)
}

// lie makes GitHub's next answers wrong in 5 % of the cases.
func (r *reaping) lie() {
	for _, name := range r.w.GitHub.Names() {
		runner := r.w.GitHub.Runner(name)
		runner.Busy = runner.Working != (r.random.Float64() < 0.05)
	}
}

func (r *reaping) check() {
	if !r.working || r.t.Failed() {
		return
	}
	runner := r.w.Runner(r.id)
	if r.w.Tasks.Asked(runner.TaskARN) || r.registered() == "" {
		r.t.Errorf("seed %d: a runner with a job was stopped: %v\n%s", r.seed, r.events, r.w.State())
	}
}

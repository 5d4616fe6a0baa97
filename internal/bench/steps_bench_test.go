package bench_test

import (
	"net/http"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

var (
	key  = []byte("key")
	spec = fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}
)

// each runs something once in each of many worlds; only that is measured.
func each(b *testing.B, prepare func(*world) func() error) {
	b.Helper()
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		act := prepare(lifecycletest.New(b))
		b.StartTimer()
		if err := act(); err != nil {
			b.Fatal(err)
		}
	}
}

// call is what the state machine sends to a step of the runner's life.
func call(w *world, id string, waits bool) fleet.Call {
	c := fleet.Call{RunnerID: id, Document: fleet.Document{
		Schema: fleet.Schema, RunID: w.Runner(id).RunID, Job: w.GitHub.Has(7),
		Plan:           &fleet.Plan{Decision: fleet.Admitted, ClassName: "small", Size: &fleet.Class{CPU: 1024, Memory: 2048}, ImageSpec: &spec, BuildLeaseSeconds: 900},
		Image:          &fleet.Image{Outcome: fleet.ImageReady, Tag: spec.Tag(), Digest: "sha256:1"},
		TaskDefinition: &fleet.TaskDefinitionPart{ARN: "definition"},
	}}
	if waits {
		c.TaskToken = w.Executions.Token(id)
	}
	return c
}

// BenchmarkStep is what each step does in a runner's life, on adapters in memory.
func BenchmarkStep(b *testing.B) {
	ctx := b.Context()
	for name, prepare := range map[string]func(*world) func() error{
		"Validate": func(w *world) func() error {
			c, step := call(w, w.Launch(w.Job(7)), false), validate.Step{Fleet: w.Fleet(), Policy: w.Policy(), Budgets: w.GitHub}
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"ResolveImage": func(w *world) func() error {
			c, step := call(w, w.Launch(w.Job(7)), false), resolveimage.Step{Images: w.Images, Now: w.Now}
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"BuildImage": func(w *world) func() error {
			c, step := call(w, w.Launch(w.Job(7)), true), buildimage.Step{Fleet: w.Fleet(), Images: w.Images, Builder: w.Images}
			c.Document.Image = &fleet.Image{Outcome: fleet.ImageMissing, Tag: spec.Tag()}
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"RegisterTaskDefinition": func(w *world) func() error {
			c, step := call(w, w.Launch(w.Job(7)), false), registertaskdefinition.Step{Fleet: w.Fleet(), Definitions: w.Definitions}
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"RunTask": func(w *world) func() error {
			c, step := call(w, w.Launch(w.Job(7)), true), runtask.Step{Fleet: w.Fleet(), Launcher: w.Tasks, ClaimURL: "https://fleet.example", ClaimKey: key}
			c.State = "RunTask"
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"AwaitCompletion": func(w *world) func() error {
			c, step := call(w, w.Idle(w.Job(7)), true), recordstatus.Step{Fleet: w.Fleet(), Images: w.Images, Bus: w.Bus, NewID: w.NewID}
			c.State = recordstatus.AwaitCompletion
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"InspectRunner": func(w *world) func() error {
			id := w.Busy(w.Job(7))
			w.Executions.TimeOut(id)
			c, step := call(w, id, false), inspectrunner.Step{Fleet: w.Fleet(), Budgets: w.GitHub, Platform: w.Tasks}
			return func() error { _, err := step.Run(ctx, c); return err }
		},
		"RecordStatus": func(w *world) func() error {
			id := w.Busy(w.Job(7))
			w.GitHub.Remove(id + ".1")
			task := w.Tasks.Ends(id, 0)
			w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
			c, step := call(w, id, false), recordstatus.Step{Fleet: w.Fleet(), Images: w.Images, Bus: w.Bus, NewID: w.NewID}
			c.State = "RecordStatus"
			return func() error { _, err := step.Run(ctx, c); return err }
		},
	} {
		b.Run(name, func(b *testing.B) { each(b, prepare) })
	}
}

// BenchmarkAdmission is the decision about a job's labels alone.
func BenchmarkAdmission(b *testing.B) {
	w := lifecycletest.New(b)
	policy, job := w.Policy(), w.Job(7)
	b.ReportAllocs()
	for b.Loop() {
		if d := policy.Admit(job); d.Verdict != fleet.Admitted {
			b.Fatal(d)
		}
	}
}

// BenchmarkClaim is a runner's claim, with GitHub and the records in memory.
func BenchmarkClaim(b *testing.B) {
	each(b, func(w *world) func() error {
		id := w.Up(w.Job(7))
		h := claim.Handler{Fleet: w.Fleet(), GitHub: w.GitHub, Keys: [][]byte{key}, Log: w.Logger()}
		return func() error {
			if reply := h.Handle(b.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"}); reply.Status != http.StatusOK {
				b.Fatalf("%+v", reply)
			}
			return nil
		}
	})
}

// BenchmarkSweep sweeps a fleet that has 20 live runners and 10,000 runs that have ended.
func BenchmarkSweep(b *testing.B) {
	w := lifecycletest.New(b)
	for id := range int64(20) {
		w.Busy(w.Job(1 + id))
	}
	for id := range int64(10_000) {
		job := lifecycletest.Completed(w.Job(1000+id), "success")
		if err := w.Fleet().Completed(b.Context(), job); err != nil {
			b.Fatal(err)
		}
	}
	h := sweep.Handler{
		Fleet: w.Fleet(), Policy: w.Policy(), Records: w.Records, GitHub: w.GitHub, Executions: w.Executions,
		Platform: w.Tasks, Bus: w.Bus, NewID: w.NewID, Notices: w.Notices(), Reruns: w.Reruns(),
		FailedEvents: w.FailedEvents, Dispatch: dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}.Handle, Definitions: w.Definitions, Images: w.Images,
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

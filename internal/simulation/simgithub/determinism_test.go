package simgithub_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

// history runs a busy day under many faults and returns a digest of every line of its
// trace, every webhook and every list.
func history(t testing.TB, seed uint64) string {
	var plan []kernel.Fault
	for _, kind := range simgithub.Kinds {
		if kind.Name != simgithub.Down && kind.Name != simgithub.TokenRevoked && kind.Name != simgithub.NoAssignment {
			plan = append(plan, kernel.Fault{Kind: kind.Name, Rate: 0.05})
		}
	}
	plan = append(plan, kernel.Fault{Kind: simgithub.NoAssignment, From: duration(time.Hour), Until: duration(2 * time.Hour)})
	k := kernel.New(seed, plan)
	defer k.Close()
	g := simgithub.New(k, config())
	all := sha256.New()
	k.Trace = func(at time.Time, line string) { fmt.Fprintln(all, at, line) }
	g.Deliver = func(header http.Header, body []byte, answered func(int)) {
		fmt.Fprintln(all, header, string(body)) // fmt sorts the keys
		k.After(time.Second, func() { answered(http.StatusAccepted) })
	}
	client := github.ForFleet{Client: github.New(base, github.PAT(func(context.Context) (string, error) { return "t1", nil }), &http.Client{Transport: g})}
	for i := range 200 {
		k.At(kernel.Epoch.Add(time.Duration(i)*time.Minute), func() {
			g.Queue(simgithub.JobSpec{Repository: app, Labels: labels, Environment: i%7 == 0, Concurrency: []string{"", "", "deploy"}[i%3], Hosted: i%11 == 0, Takes: time.Minute})
			k.Go(&kernel.Process{Name: "fleet"}, func() { serve(k, g, client, fmt.Sprint("r", i)) }, nil)
		})
	}
	for k.Step(kernel.Epoch.Add(30 * time.Hour)) {
	}
	req, err := http.NewRequest(http.MethodGet, base+"/repos/octo/app/actions/runs?per_page=100", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", "test")
	req.Header.Set("Authorization", "Bearer t1")
	if resp, err := g.RoundTrip(req); err == nil {
		if _, err := io.Copy(all, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(all, g.Jobs(), g.Registrations(), g.Usage(), g.Deliveries())
	return fmt.Sprintf("%x", all.Sum(nil))
}

// serve registers a runner and lets it work.
func serve(k *kernel.Kernel, g *simgithub.GitHub, client github.ForFleet, name string) {
	_, config, err := client.Register(context.Background(), app, name, labels)
	if err != nil {
		k.Log("register %s: %v", name, err)
		return
	}
	var session *simgithub.Session
	session, err = g.Connect(config, simgithub.Events{
		Job: func(id int64) {
			if session.Accept() {
				k.After(time.Minute, func() { session.Finish("success") })
			}
		},
		Cancelled: func(int64) { session.Finish("cancelled") },
		Deleted:   func() { session.Close() },
	})
	if err != nil {
		k.Log("connect %s: %v", name, err)
	}
}

func TestOneSeedIsOneHistory(t *testing.T) {
	first := history(t, 1)
	if again := history(t, 1); again != first {
		t.Error("the same seed gave two histories")
	}
	if history(t, 2) == first {
		t.Error("two seeds gave the same history")
	}
}

// benchmark measures a request of the real client with its answer.
func benchmark(b *testing.B, request func(*world, int64)) {
	cfg := config()
	cfg.Credentials[0].Limit = 1 << 40
	w := worldOf(b, cfg)
	w.k.Trace = nil
	id := w.queue(simgithub.JobSpec{})
	w.do(func() {
		for b.Loop() {
			request(w, id)
			w.k.Pause(100 * time.Millisecond) // stays below the points a minute
		}
	})
}

func BenchmarkJob(b *testing.B) {
	ctx := context.Background()
	var client github.ForFleet
	benchmark(b, func(w *world, id int64) {
		if client.Client == nil {
			client = w.fleet()
		}
		if _, err := client.Job(ctx, app, id); err != nil {
			b.Fatal(err)
		}
	})
}

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

const repository = "octo-org/bench"

// standIns are a simulated GitHub and runners that do nothing.
type standIns struct {
	url string
	hub *sim.Server

	jobTime time.Duration

	writing sync.Mutex
	out     *json.Encoder

	mu      sync.Mutex
	held    chan struct{} // closed when jobs need not wait; nil holds none
	runners map[string]context.CancelFunc

	claims, sessions *http.Client
}

// Serve is the process of the stand-ins: a simulated GitHub, and runners that claim their
// credential as the entrypoint does, take one job and do nothing in it. They are goroutines,
// since ten thousand processes would measure the machine and not the fleet. It serves until
// in ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the simulated GitHub: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	s := &standIns{
		url: "http://" + listener.Addr().String(), out: json.NewEncoder(out), runners: map[string]context.CancelFunc{},
		// Every runner is a process of its own in truth, and so makes its own connection.
		claims:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second},
		sessions: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * MostConcurrency}},
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second}
	defer func() {
		if s.hub != nil {
			s.hub.Close()
		}
		_ = errors.Join(server.Close(), listener.Close())
	}()
	s.say(news{URL: s.url})
	orders := json.NewDecoder(in)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read the next order: %w", err)
		}
		switch {
		case o.Open != nil:
			if err := s.open(*o.Open); err != nil {
				return err
			}
			server.Handler = s.hub
			go server.Serve(listener) // ends with Close
		case s.hub == nil:
			return errors.New("the first order opens the simulated GitHub")
		}
		s.hold(o.Hold, o.Release)
		if o.Queue > 0 {
			work.Go(func() { s.queue(ctx, o.Queue, time.Duration(o.Over)) })
		}
		if o.Run != nil {
			alone, end := context.WithCancel(ctx)
			s.mu.Lock()
			s.runners[o.Run.ID] = end
			s.mu.Unlock()
			work.Go(func() { s.run(alone, *o.Run) })
		}
		if o.Stop != "" {
			s.mu.Lock()
			end := s.runners[o.Stop]
			s.mu.Unlock()
			if end != nil {
				end()
			}
		}
		if o.Report {
			s.say(news{Report: s.report()})
		}
	}
}

func (s *standIns) say(n news) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.out.Encode(n) // without a reader the input ends too
}

// queue queues jobs, evenly over a time.
func (s *standIns) queue(ctx context.Context, n int, over time.Duration) {
	for i := range n {
		if i > 0 && over > 0 {
			select {
			case <-time.After(over / time.Duration(n)):
			case <-ctx.Done():
				return
			}
		}
		s.hub.Queue(sim.JobSpec{Workflow: "bench", Name: "nothing", Labels: []string{"self-hosted", "class:small"}, Steps: []sim.StepSpec{{Run: "true"}}})
	}
}

func (s *standIns) open(with opening) (err error) {
	s.jobTime = time.Duration(with.JobTime)
	s.hub, err = sim.New(sim.Config{
		Repository: repository, Private: true, Token: with.Token, URL: s.url, WebhookURL: with.Webhook, WebhookSecret: with.Secret,
		RateLimit: 1 << 30, LostAfter: mostTime, Deliver: s.deliver,
	})
	return err
}

// deliver notes when a webhook is sent.
func (s *standIns) deliver(d sim.Delivery) []sim.Delivery {
	if d.Action == "queued" {
		s.say(news{Sent: &sent{Job: d.JobID, At: time.Now().UnixNano()}})
	}
	return []sim.Delivery{d}
}

func (s *standIns) hold(hold, release bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case hold:
		s.held = make(chan struct{})
	case release && s.held != nil:
		close(s.held)
		s.held = nil
	}
}

// run is one runner, from the start of its container to the end.
func (s *standIns) run(ctx context.Context, r runner) {
	environ := make([]string, 0, len(r.Env))
	for name, value := range r.Env {
		environ = append(environ, name+"="+value)
	}
	claimed, code := entrypoint.Claim(ctx, entrypoint.Claiming{Environ: environ, HTTP: s.claims})
	if code == 0 {
		code = standin.Run(ctx, standin.Config{
			Args: []string{"--jitconfig", claimed.Credential}, Getenv: func(string) string { return "" },
			Stdout: io.Discard, Client: s.sessions, Instead: s.job,
		})
	}
	if ctx.Err() != nil {
		code = standin.ExitTerminated
	}
	s.mu.Lock()
	end := s.runners[r.ID]
	delete(s.runners, r.ID)
	s.mu.Unlock()
	end()
	s.say(news{Ended: &ended{ID: r.ID, Code: code}})
}

// job is a job that does nothing for its time, or until it is released.
func (s *standIns) job(ctx context.Context) string {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	var over <-chan time.Time
	if held == nil {
		over = time.After(s.jobTime/2 + rand.N(s.jobTime+1))
	}
	select {
	case <-held:
		return protocol.Success
	case <-over:
		return protocol.Success
	case <-ctx.Done():
		return protocol.Cancelled
	}
}

func (s *standIns) report() *told {
	t := &told{CPU: int64(usage().cpu)}
	for _, d := range s.hub.Deliveries() {
		t.Webhooks++
		if !d.OK() {
			if t.Failed++; t.First == "" {
				t.First = fmt.Sprintf("%s of job %d: %s %.200s", d.Action, d.JobID, d.Status, d.Response)
			}
		}
	}
	return t
}

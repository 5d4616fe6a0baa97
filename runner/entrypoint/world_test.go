package entrypoint_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

const (
	claimToken = "claim-token-is-secret"
	jitConfig  = "jit-config-is-secret"
)

var claimed = answer{status: http.StatusOK, body: fleet.ClaimResponse{RunnerName: "demo-7-1.1", EncodedJITConfig: jitConfig}}

// answer is one of the claim's; status 0 drops the connection.
type answer struct {
	status int
	header map[string]string
	body   fleet.ClaimResponse
	raw    string // in place of body
}

// claimServer gives one answer after another, the last one for ever.
type claimServer struct {
	*httptest.Server
	mu     sync.Mutex
	nonces []string
	tokens []string
}

func serve(t *testing.T, answers ...answer) *claimServer {
	s := &claimServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var claim fleet.ClaimRequest
		if err := json.NewDecoder(r.Body).Decode(&claim); err != nil || r.Method != http.MethodPost {
			t.Errorf("claimed with %s and a body that gives %v", r.Method, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a := answers[min(len(s.nonces), len(answers)-1)]
		s.nonces = append(s.nonces, claim.Nonce)
		s.tokens = append(s.tokens, r.Header.Get("Authorization"))
		if a.status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header()["Date"] = nil
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.status)
		if a.raw != "" {
			_, _ = w.Write([]byte(a.raw))
			return
		}
		_ = json.NewEncoder(w).Encode(a.body)
	}))
	t.Cleanup(s.Close)
	return s
}

// clock is virtual. Waiting takes no time unless frozen, and then never ends.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	frozen bool
	waits  []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, d)
	if c.frozen {
		return nil
	}
	c.now = c.now.Add(d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return fired
}

// world is one run of the entrypoint and what can be seen of it.
type world struct {
	entrypoint.Config
	clock   *clock
	signals chan os.Signal
	onLine  func(line string) // called for each line of output, as it comes
}

// newWorld has the test binary as the runner; child says what it does there.
func newWorld(claimURL, child string) *world {
	w := &world{
		clock:   &clock{now: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)},
		signals: make(chan os.Signal, 4),
	}
	w.Config = entrypoint.Config{
		Environ: []string{
			"RUNNER_ID=demo-7-1", "CLAIM_URL=" + claimURL, "CLAIM_TOKEN=" + claimToken,
			childVariable + "=" + child,
			"GORACE=atexit_sleep_ms=0", // a child under -race else takes a second to end
		},
		Args:    []string{"--", os.Args[0]},
		Signals: w.signals,
		Now:     w.clock.Now,
		After:   w.clock.After,
	}
	return w
}

// run returns when every process that holds the output has ended.
func (w *world) run(t *testing.T) (code int, output string) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Stdout = out
	var text strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if w.onLine != nil {
				w.onLine(lines.Text())
			}
		}
	}()
	code = entrypoint.Run(context.Background(), w.Config)
	out.Close()
	<-read
	in.Close()
	return code, text.String()
}

func wantOutput(t *testing.T, output string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(output, want) {
			t.Errorf("no %q in the output:\n%s", want, output)
		}
	}
}

func unavailable(retryAfter string) answer {
	return answer{
		status: http.StatusServiceUnavailable,
		header: map[string]string{"Retry-After": retryAfter},
		body:   fleet.ClaimResponse{Error: fleet.GitHubRateLimited, Message: "GitHub limits the rate"},
	}
}

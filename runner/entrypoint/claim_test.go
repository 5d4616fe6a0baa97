package entrypoint_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

func TestClaimAnswers(t *testing.T) {
	refusal := func(status int) answer {
		return answer{status: status, body: fleet.ClaimResponse{Error: "Some.Name", Message: "because of\nthis"}}
	}
	tests := map[string]struct {
		answers  []answer
		wantExit int
		wantSaid string
		wantAsks int
	}{
		"a credential starts the runner": {
			[]answer{claimed}, 0, "ecsrunner: claimed as demo-7-1.1\n", 1},
		"a wrong token": {
			[]answer{refusal(401)}, fleet.ExitClaimUnauthorized, "401 Unauthorized, Some.Name: because of this\n", 1},
		"claimed by another": {
			[]answer{refusal(409)}, fleet.ExitClaimConflict, "409 Conflict, Some.Name: because of this\n", 1},
		"no longer wanted": {
			[]answer{refusal(410)}, fleet.ExitClaimGone, "410 Gone, Some.Name: because of this\n", 1},
		"GitHub refuses": {
			[]answer{refusal(424)}, fleet.ExitClaimRefused, "424 Failed Dependency, Some.Name: because of this\n", 1},
		"something that is no claim": {
			[]answer{{status: 404, raw: "<html>nothing here"}}, fleet.ExitUsage, "404 Not Found; does CLAIM_URL lead to", 1},
		"a redirect is not followed": {
			[]answer{{status: 307, header: map[string]string{"Location": "/elsewhere"}}}, fleet.ExitUsage, "307 Temporary Redirect", 1},
		"told to wait, then a credential": {
			[]answer{unavailable("7"), claimed}, 0, "told to wait 7s: the claim was answered with 503", 2},
		"too many requests": {
			[]answer{{status: 429}, claimed}, 0, "429 Too Many Requests; asking again", 2},
		"an error of API Gateway": {
			[]answer{{status: 500, raw: `{"message":"Internal Server Error"}`}, claimed}, 0, "500 Internal Server Error", 2},
		"a lost connection": {
			[]answer{{}, claimed}, 0, "the claim got no answer: EOF; asking again", 2},
		"a cut answer": {
			[]answer{{status: 200, raw: `{"encoded_jit_`}, claimed}, 0, "it is not the JSON of a claim; asking again", 2},
		"an answer without a credential": {
			[]answer{{status: 200, raw: `{}`}, claimed}, 0, "had no credential in it; asking again", 2},
		"an answer without end": {
			[]answer{{status: 200, raw: strings.Repeat(" ", 1<<20)}, claimed}, 0, "it has more than 262144 bytes; asking again", 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, test.answers...)
			code, output := newWorld(server.URL, "exit 0").run(t)
			if code != test.wantExit || len(server.nonces) != test.wantAsks {
				t.Errorf("exit code %d after %d requests, want %d after %d", code, len(server.nonces), test.wantExit, test.wantAsks)
			}
			wantOutput(t, output, test.wantSaid)
			wantNoSecret(t, output, server)
		})
	}
}

// wantNoSecret also checks how the token and the nonce were sent.
func wantNoSecret(t *testing.T, output string, server *claimServer) {
	t.Helper()
	for _, nonce := range server.nonces {
		if len(nonce) < 20 || len(nonce) > fleet.MaxNonce || nonce != server.nonces[0] {
			t.Errorf("nonces %q", server.nonces)
		}
	}
	for _, token := range server.tokens {
		if token != "Bearer "+claimToken {
			t.Errorf("Authorization: %s", token)
		}
	}
	for _, secret := range append([]string{claimToken, jitConfig}, server.nonces...) {
		if strings.Contains(output, secret) {
			t.Errorf("the output has a secret in it:\n%s", output)
		}
	}
}

func TestEachRunMakesItsOwnNonce(t *testing.T) {
	server := serve(t, answer{status: http.StatusGone})
	newWorld(server.URL, "exit 0").run(t)
	newWorld(server.URL, "exit 0").run(t)
	if server.nonces[0] == server.nonces[1] {
		t.Errorf("two runs claimed with the nonce %s", server.nonces[0])
	}
}

func TestWaits(t *testing.T) {
	dated := unavailable("Sat, 01 Aug 2026 12:00:40 GMT")
	skewed := unavailable("Wed, 01 Jan 2020 00:01:00 GMT")
	skewed.header["Date"] = "Wed, 01 Jan 2020 00:00:00 GMT"
	tests := map[string]struct {
		answer answer
		want   time.Duration
	}{
		"seconds":                          {unavailable("33"), 33 * time.Second},
		"a date":                           {dated, 40 * time.Second},
		"a date on the answerer's clock":   {skewed, time.Minute},
		"a date that has passed":           {unavailable("Sat, 01 Aug 2026 11:00:00 GMT"), time.Second},
		"no time at all":                   {unavailable("0"), time.Second},
		"an hour is cut to the idle limit": {unavailable("3600"), 2 * time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(serve(t, test.answer, claimed).URL, "exit 0")
			if code, output := w.run(t); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, output)
			}
			if waits := w.clock.waits; len(waits) != 1 || waits[0] < test.want || waits[0] > test.want+test.want/4 {
				t.Errorf("waited %v, want %s and up to a quarter more", waits, test.want)
			}
		})
	}
}

// highest is the randomness that makes jitter longest.
type highest struct{}

func (highest) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0xff
	}
	return len(p), nil
}

// lowest is the randomness that makes jitter shortest.
type lowest struct{}

func (lowest) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Containers that get the same answer do not all ask again at the same time.
func TestWaitsDiffer(t *testing.T) {
	var waits []time.Duration
	for _, random := range []io.Reader{highest{}, lowest{}} {
		w := newWorld(serve(t, unavailable("60"), claimed).URL, "exit 0")
		w.Rand = random
		if code, output := w.run(t); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, output)
		}
		waits = append(waits, w.clock.waits[0].Round(time.Millisecond))
	}
	if want := []time.Duration{75 * time.Second, time.Minute}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
}

func TestTheLongestWaitIsAHeartbeatInTime(t *testing.T) {
	w := newWorld(serve(t, unavailable("3600"), claimed).URL, "exit 0")
	w.Rand = highest{}
	if code, output := w.run(t); code != 0 || w.clock.waits[0] >= fleet.DefaultLimits().Idle {
		t.Errorf("exit code %d after %v:\n%s", code, w.clock.waits, output)
	}
}

func TestBackoffGrowsAndTheClaimGivesUp(t *testing.T) {
	w := newWorld(serve(t, answer{status: http.StatusBadGateway}).URL, "exit 0")
	w.Rand = highest{}
	began := w.clock.now
	code, output := w.run(t)
	if code != fleet.ExitClaimUnavailable {
		t.Errorf("exit code %d, want %d", code, fleet.ExitClaimUnavailable)
	}
	wantOutput(t, output, "502 Bad Gateway; giving up after 10m0s")
	if took := w.clock.now.Sub(began); took > 10*time.Minute || took < 9*time.Minute {
		t.Errorf("gave up after %s", took)
	}
	for i, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if wait := w.clock.waits[i].Round(time.Millisecond); wait != most*time.Second {
			t.Errorf("wait %d was %s, want %ds", i, wait, most)
		}
	}
}

func TestSignalWhileClaiming(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		w := newWorld(serve(t, unavailable("60")).URL, "exit 0")
		w.clock.frozen = true
		w.onLine = func(line string) {
			if strings.Contains(line, "told to wait") {
				w.signals <- sig
			}
		}
		code, output := w.run(t)
		if code != want {
			t.Errorf("exit code %d after %v, want %d", code, sig, want)
		}
		wantOutput(t, output, "before the runner started")
	}
}

func TestUsage(t *testing.T) {
	tests := map[string]struct {
		environ []string
		want    string
	}{
		"nothing is there": {nil, "ecsrunner: the environment lacks RUNNER_ID, CLAIM_URL, CLAIM_TOKEN: "},
		"no token":         {[]string{"RUNNER_ID=a", "CLAIM_URL=https://x/y"}, "ecsrunner: the environment lacks CLAIM_TOKEN: "},
		"no URL":           {[]string{"RUNNER_ID=a", "CLAIM_URL=x", "CLAIM_TOKEN=t"}, "ecsrunner: CLAIM_URL is not an http or https URL\n"},
		"no number":        {[]string{"RUNNER_ID=a", "CLAIM_URL=https://x/y", "CLAIM_TOKEN=t", "STOP_TIMEOUT=2m"}, `ecsrunner: STOP_TIMEOUT is "2m"`},
		"no size":          {[]string{"RUNNER_ID=a", "CLAIM_URL=https://x/y", "CLAIM_TOKEN=t", "LOG_MIB=0"}, `ecsrunner: LOG_MIB is "0"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld("", "exit 0")
			w.Environ = test.environ
			code, output := w.run(t)
			if code != fleet.ExitUsage || strings.Count(output, "\n") != 1 || !strings.HasPrefix(output, test.want) {
				t.Errorf("exit code %d and output %q, want %d and one line %q", code, output, fleet.ExitUsage, test.want)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering is a claim of which each attempt gets the next answer, on a clock
// that only its Sleep moves.
func answering(stdout io.Writer, statuses ...int) (c entrypoint.Claiming, now *time.Time) {
	now = new(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	return entrypoint.Claiming{
		Environ: []string{"RUNNER_ID=demo-7-1", "CLAIM_URL=http://fleet.example/claim", "CLAIM_TOKEN=" + claimToken},
		Stdout:  stdout,
		HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			status := statuses[0]
			statuses = statuses[1:]
			body := io.NopCloser(strings.NewReader(`{"runner_name":"demo-7-1.1","encoded_jit_config":"` + jitConfig + `"}`))
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, Request: r}, nil
		})},
		Now: func() time.Time { return *now },
		Sleep: func(_ context.Context, d time.Duration) error {
			*now = now.Add(d)
			return nil
		},
		Rand: highest{},
	}, now
}

// A goroutine of Claim's own would not have this test on its stack.
func TestClaimRunsOnTheCallersGoroutine(t *testing.T) {
	var output strings.Builder
	c, now := answering(&output, 502, 503, 200)
	began := *now
	onCallers := func(what string) {
		if !strings.Contains(string(debug.Stack()), "entrypoint_test.TestClaimRunsOnTheCallersGoroutine(") {
			t.Errorf("%s on another goroutine:\n%s", what, debug.Stack())
		}
	}
	transport, sleep := c.HTTP.Transport, c.Sleep
	c.HTTP.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		onCallers("asks")
		return transport.RoundTrip(r)
	})
	c.Sleep = func(ctx context.Context, d time.Duration) error {
		onCallers("sleeps")
		return sleep(ctx, d)
	}
	claimed, code := entrypoint.Claim(t.Context(), c)
	if claimed.Credential != jitConfig || code != 0 {
		t.Errorf("credential %q and exit code %d:\n%s", claimed.Credential, code, output.String())
	}
	if took := now.Sub(began).Round(time.Millisecond); took != 3*time.Second {
		t.Errorf("slept for %s, want 1 s and 2 s", took)
	}
	wantOutput(t, output.String(), "ecsrunner: claiming as demo-7-1\n", "ecsrunner: claimed as demo-7-1.1\n")
}

func TestClaimEndsWithoutACredential(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *entrypoint.Claiming, stop context.CancelFunc)
		want   int
	}{
		"the environment lacks the token": {
			func(c *entrypoint.Claiming, _ context.CancelFunc) { c.Environ = c.Environ[:2] }, fleet.ExitUsage},
		"no randomness": {
			func(c *entrypoint.Claiming, _ context.CancelFunc) { c.Rand = strings.NewReader("") }, fleet.ExitClaimUnavailable},
		"the sleep is interrupted": {
			func(c *entrypoint.Claiming, _ context.CancelFunc) {
				c.Sleep = func(context.Context, time.Duration) error { return errors.New("interrupted") }
			}, fleet.ExitClaimUnavailable},
		"the context ends during the default sleep": {
			func(c *entrypoint.Claiming, stop context.CancelFunc) {
				c.Sleep = nil
				c.Stdout = lineWriter(func(line string) {
					if strings.Contains(line, "asking again") {
						stop()
					}
				})
			}, fleet.ExitClaimUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			c, _ := answering(io.Discard, 502)
			test.change(&c, stop)
			if claimed, code := entrypoint.Claim(ctx, c); claimed.Credential != "" || code != test.want {
				t.Errorf("credential %q and exit code %d, want %d", claimed.Credential, code, test.want)
			}
		})
	}
}

type lineWriter func(line string)

func (w lineWriter) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

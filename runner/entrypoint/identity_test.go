package entrypoint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const secretPath = "/v2/credentials/a-path-is-secret"

// ecs gives out credentials, each time others, and is where each request goes that is not
// for the claim.
type ecs struct {
	*httptest.Server
	answers []func(w http.ResponseWriter) // in place of credentials, one after the other
	asked   atomic.Int32
}

func newECS(t *testing.T, answers ...func(w http.ResponseWriter)) *ecs {
	e := &ecs{answers: answers}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(e.asked.Add(1))
		switch {
		case r.Host != "169.254.170.2" || r.URL.Path != secretPath || r.Header.Get("Authorization") != "":
			t.Errorf("asked for %s%s, %v", r.Host, r.URL.Path, r.Header)
		case n <= len(e.answers):
			e.answers[n-1](w)
		default:
			fmt.Fprintf(w, `{"RoleArn":"arn","AccessKeyId":"ASIA%016d","SecretAccessKey":"key-is-secret","Token":"token-is-secret","Expiration":"2030-01-01T00:00:00Z"}`, n)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// inTask is a run in a task of ECS, with an image that has a proxy for all else.
func inTask(t *testing.T, e *ecs, answers ...answer) (w *world, claims *[]fleet.ClaimRequest) {
	claims = &[]fleet.ClaimRequest{}
	server := serve(t, answers...)
	inner := server.Config.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var claim fleet.ClaimRequest
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &claim)
		}
		if err != nil {
			t.Error(err)
		}
		*claims = append(*claims, claim)
		r.Body = io.NopCloser(bytes.NewReader(body))
		inner.ServeHTTP(w, r)
	})
	w = newWorld(server.URL, "exit 0")
	w.Environ = append(w.Environ, "CLAIM_IDENTITY_HOST=sts.eu-west-1.amazonaws.com", "CLAIM_IDENTITY_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+secretPath)
	w.HTTP = &http.Client{Transport: &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Host == "169.254.170.2" {
				return nil, errors.New("a proxy was asked for credentials")
			}
			return nil, nil
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "169.254.170.2:80" {
				address = e.Listener.Addr().String()
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	return w, claims
}

func TestEachAskIsSignedAnew(t *testing.T) {
	e := newECS(t)
	w, claims := inTask(t, e, unavailable("7"), claimed)
	code, output := w.run(t)
	if n := e.asked.Load(); code != 0 || n != 2 || len(*claims) != 2 {
		t.Fatalf("exit code %d after %d claims, with credentials asked for %d times:\n%s", code, len(*claims), n, output)
	}
	first, second := (*claims)[0], (*claims)[1]
	if first.Nonce != second.Nonce || first.Identity == nil || second.Identity == nil {
		t.Fatalf("%+v, then %+v", first, second)
	}
	if at := "20260801T120000Z"; first.Identity.Date != at || first.Identity.AccessKeyID != "ASIA0000000000000001" || first.Identity.SessionToken != "token-is-secret" || len(first.Identity.Signature) != 64 {
		t.Errorf("signed %+v at %s", *first.Identity, at)
	}
	if second.Identity.Date <= first.Identity.Date || second.Identity.AccessKeyID != "ASIA0000000000000002" || second.Identity.Signature == first.Identity.Signature {
		t.Errorf("then signed %+v", *second.Identity)
	}
	wantNoIdentity(t, output)
}

func wantNoIdentity(t *testing.T, output string) {
	t.Helper()
	for _, secret := range []string{"is-secret", "ASIA", secretPath} {
		if strings.Contains(output, secret) {
			t.Errorf("the output has %q in it:\n%s", secret, output)
		}
	}
}

func TestCredentialsThatAreLate(t *testing.T) {
	say := func(status int, body string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter)
		said   string
	}{
		"ECS fails":              {say(500, ""), "get the credentials of the task's role: ECS answered with 500 Internal Server Error; asking again"},
		"ECS says nothing":       {say(200, "{}"), "ECS's answer has no credentials in it; asking again"},
		"ECS says half of it":    {say(200, `{"AccessKeyId":"ASIA","Secret`), "ECS's answer has no credentials in it; asking again"},
		"ECS hangs up":           {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "get the credentials of the task's role: EOF; asking again"},
		"ECS says to go away":    {func(w http.ResponseWriter) { w.Header().Set("Location", "/is-secret"); w.WriteHeader(302) }, "ECS answered with 302 Found; asking again"},
		"the key is not there":   {say(200, `{"AccessKeyId":"ASIA","Token":"is-secret"}`), "no credentials in it; asking again"},
		"the token is not there": {say(200, `{"AccessKeyId":"ASIA","SecretAccessKey":"is-secret"}`), "no credentials in it; asking again"},
	} {
		t.Run(name, func(t *testing.T) {
			w, claims := inTask(t, newECS(t, test.answer), claimed)
			code, output := w.run(t)
			if code != 0 || len(*claims) != 1 {
				t.Errorf("exit code %d after %d claims", code, len(*claims))
			}
			wantOutput(t, output, test.said)
			wantNoIdentity(t, output)
		})
	}
	t.Run("for ten minutes", func(t *testing.T) {
		away := newECS(t)
		away.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		w, claims := inTask(t, away, claimed)
		began := w.clock.Now()
		code, output := w.run(t)
		if code != fleet.ExitClaimUnavailable || len(*claims) != 0 || w.clock.Now().Sub(began) > fleet.ClaimTime+time.Minute {
			t.Errorf("exit code %d after %d claims", code, len(*claims))
		}
		wantOutput(t, output, "giving up after 10m0s")
	})
}

func TestATaskWithoutWhatItSignsWith(t *testing.T) {
	for lacks, said := range map[string]string{
		"CLAIM_IDENTITY_REGION":                  "the environment lacks CLAIM_IDENTITY_REGION",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "the environment lacks AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: ECS sets it in tasks that have a role",
	} {
		w, claims := inTask(t, newECS(t), claimed)
		for i, entry := range w.Environ {
			if strings.HasPrefix(entry, lacks+"=") {
				w.Environ[i] = lacks + "="
			}
		}
		code, output := w.run(t)
		if code != fleet.ExitUsage || len(*claims) != 0 {
			t.Errorf("without %s: exit code %d after %d claims", lacks, code, len(*claims))
		}
		wantOutput(t, output, said)
	}
}

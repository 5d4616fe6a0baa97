package github_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// perOwner gives every owner another token and counts them.
type perOwner struct{ asked []string }

func (c *perOwner) Token(_ context.Context, want github.Want) (github.Token, error) {
	c.asked = append(c.asked, want.Owner)
	return github.Token{Value: fmt.Sprintf("token %d of %s", len(c.asked), want.Owner)}, nil
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// inProcess is a GitHub that answers every request with the same body.
func inProcess(body string, header http.Header, see func(*http.Request)) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		see(r)
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})}
}

const apiBase = "https://api.github.com"

func TestEveryRequestAsksForATokenOfItsOwner(t *testing.T) {
	for name, request := range map[string]func(github.ForFleet, string) error{
		"a job": func(f github.ForFleet, repository string) error {
			_, err := f.Job(t.Context(), repository, 7)
			return err
		},
		"workflow runs": func(f github.ForFleet, repository string) error {
			_, err := f.WorkflowRuns(t.Context(), repository, "queued", fleet.Page[fleet.WorkflowRun]{})
			return err
		},
		"jobs of a workflow run": func(f github.ForFleet, repository string) error {
			_, err := f.JobsOf(t.Context(), repository, fleet.WorkflowRun{ID: 7}, fleet.Page[fleet.Job]{})
			return err
		},
		"hooks": func(f github.ForFleet, repository string) error { return last(f.Hooks(t.Context(), repository)) },
		"deliveries": func(f github.ForFleet, repository string) error {
			_, err := f.DeliveriesPage(t.Context(), repository, 7, fleet.Page[fleet.Delivery]{})
			return err
		},
		"a redelivery": func(f github.ForFleet, repository string) error { return f.Redeliver(t.Context(), repository, 7, 8) },
		"registrations": func(f github.ForFleet, repository string) error {
			return last(f.Registrations(t.Context(), repository))
		},
		"a deregistration": func(f github.ForFleet, repository string) error { return f.Delete(t.Context(), repository, 7) },
		"a registration": func(f github.ForFleet, repository string) error {
			_, _, err := f.Register(t.Context(), repository, "r", []string{"x"})
			return err
		},
		"a registration by name": func(f github.ForFleet, repository string) error {
			_, _, err := f.Registration(t.Context(), repository, "r")
			return err
		},
		"a refusal": func(f github.ForFleet, repository string) error {
			_, err := f.ShowRefusal(t.Context(), fleet.Refusal{Repository: repository, SHA: headSHA})
			return err
		},
		"the latest runner": func(f github.ForFleet, repository string) error {
			_, err := f.LatestRunner(t.Context(), repository)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			credential := &perOwner{}
			var sent []string
			hub := github.NewForFleet(apiBase, credential, inProcess("null", nil, func(r *http.Request) {
				sent = append(sent, r.Header.Get("Authorization"))
			}))
			_ = request(hub, "octo/widgets")
			ours := len(sent)
			_ = request(hub, "else/gadgets")
			if ours == 0 || len(sent) != 2*ours {
				t.Fatalf("sent %q", sent)
			}
			for i, got := range sent {
				owner := "octo"
				if i >= ours {
					owner = "else"
				}
				if want := fmt.Sprintf("Bearer token %d of %s", i+1, owner); got != want {
					t.Errorf("request %d carries %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

// last returns the error that a list ends with.
func last[T any](seq iter.Seq2[T, error]) error {
	_, err := all(seq)
	return err
}

func TestTheNextPageIsTheSameOwners(t *testing.T) {
	credential := &perOwner{}
	header := http.Header{"Link": {"<" + apiBase + `/repositories/9/hooks?page=2>; rel="next"`}}
	hub := github.NewForFleet(apiBase, credential, inProcess("[]", header, func(r *http.Request) {
		if r.FormValue("page") == "2" {
			header.Del("Link")
		}
	}))
	if got, err := all(hub.Hooks(t.Context(), "octo/widgets")); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if !slices.Equal(credential.asked, []string{"octo", "octo"}) {
		t.Errorf("asked for tokens of %q", credential.asked)
	}
}

func TestAPATMayBeReplacedWhileTheFleetRuns(t *testing.T) {
	var stored, sent string
	hub := github.NewForFleet(apiBase, github.PAT(func(context.Context) (string, error) { return stored, nil }),
		inProcess("null", nil, func(r *http.Request) { sent = r.Header.Get("Authorization") }))
	for _, stored = range []string{"first", "second\n"} {
		_, _ = hub.Job(t.Context(), "octo/widgets", 7)
		if want := "Bearer " + strings.TrimSpace(stored); sent != want {
			t.Errorf("sent %q, want %q", sent, want)
		}
	}
}

// A goroutine of the client's own would not have this test on its stack.
func TestRequestsRunOnTheCallersGoroutine(t *testing.T) {
	asked := 0
	hub := github.NewForFleet(apiBase, token, inProcess("{}", nil, func(*http.Request) {
		asked++
		if !strings.Contains(string(debug.Stack()), "github_test.TestRequestsRunOnTheCallersGoroutine(") {
			t.Errorf("request on another goroutine:\n%s", debug.Stack())
		}
	}))
	_, _ = hub.LatestRunner(t.Context(), "octo/widgets")
	_, _ = hub.WorkflowRuns(t.Context(), "octo/widgets", "queued", fleet.Page[fleet.WorkflowRun]{})
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// replaced is a secret whose value has been replaced since it was read.
type replaced struct {
	kept, stored string
	refreshes    int
	err          error
}

func (s *replaced) Value(context.Context) (string, error) { return s.kept, nil }

func (s *replaced) Refresh(context.Context) (bool, error) {
	s.refreshes++
	if s.err != nil {
		return false, s.err
	}
	changed := s.kept != s.stored
	s.kept = s.stored
	return changed, nil
}

func TestATokenThatIsRefusedIsLookedUpAgain(t *testing.T) {
	for name, c := range map[string]struct {
		secret   *replaced
		good     string // the token that GitHub accepts
		carried  []string
		accepted bool
	}{
		"it was replaced":                         {&replaced{kept: "old", stored: "new"}, "new", []string{"old", "new"}, true},
		"it was replaced, by one that is no good": {&replaced{kept: "old", stored: "new"}, "other", []string{"old", "new"}, false},
		"it is the same still":                    {&replaced{kept: "old", stored: "old"}, "other", []string{"old"}, false},
		"the secret cannot be read":               {&replaced{kept: "old", stored: "new", err: errors.New("throttled")}, "new", []string{"old"}, false},
		"GitHub accepts it":                       {&replaced{kept: "old", stored: "new"}, "old", []string{"old"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var carried []string
			client := github.New(apiBase, github.StoredPAT{Secret: c.secret}, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				carried = append(carried, token)
				var sent struct{ Name string }
				if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || sent.Name != "fleet-7-1.1" {
					t.Errorf("the request asks for %q, %v", sent.Name, err)
				}
				status, body := http.StatusUnauthorized, `{"message": "Bad credentials"}`
				if token == c.good {
					status, body = http.StatusCreated, `{"runner": {"id": 1, "name": "fleet-7-1.1"}, "encoded_jit_config": "e30="}`
				}
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})})
			_, err := client.GenerateJITConfig(t.Context(), github.Repository{Owner: "octo", Name: "app"}, github.JITRequest{Name: "fleet-7-1.1", RunnerGroupID: 1, Labels: []string{"x"}})
			if c.accepted != (err == nil) || !c.accepted && fleet.ErrorName(err) != github.Unauthorized {
				t.Error(err)
			}
			if !slices.Equal(carried, c.carried) {
				t.Errorf("the requests carried %q, want %q", carried, c.carried)
			}
		})
	}
}

// What is in the secret before an operator stores a token, and what a form of keys and
// values makes of a token.
func TestASecretThatHoldsNoToken(t *testing.T) {
	const yet = `{"no_github_token_yet":true,"random":"0a1b"}`
	for name, c := range map[string]struct {
		secret *replaced
		token  string
		says   string
	}{
		"none is stored yet":            {&replaced{kept: yet, stored: yet}, "", "no token is stored yet as github_pat"},
		"one was stored a moment ago":   {&replaced{kept: yet, stored: "ghp_x"}, "ghp_x", ""},
		"it was stored as a key's":      {&replaced{kept: ` {"token":"ghp_secret"}`, stored: ` {"token":"ghp_secret"}`}, "", "store the token alone, as plain text"},
		"and then as it should be":      {&replaced{kept: `{"token":"ghp_secret"}`, stored: "ghp_x"}, "ghp_x", ""},
		"the secret cannot be read":     {&replaced{kept: yet, stored: "ghp_x", err: errors.New("throttled")}, "", "no token is stored yet as github_pat"},
		"a key's, after none was there": {&replaced{kept: yet, stored: `{"token":"ghp_secret"}`}, "", "store the token alone, as plain text"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := github.StoredPAT{Secret: c.secret}.Token(t.Context(), github.Want{Owner: "octo"})
			if token.Value != c.token || (err == nil) != (c.says == "") {
				t.Fatalf("token %q, %v", token, err)
			}
			if err != nil && (fleet.ErrorName(err) != fleet.SecretMissing || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "ghp_")) {
				t.Errorf("%s: %v", fleet.ErrorName(err), err)
			}
		})
	}
}

// Only a refused token makes the client read the secret before its time.
func TestOtherErrorsReadNoSecret(t *testing.T) {
	for _, status := range []int{403, 404, 429, 500} {
		secret := &replaced{kept: "old", stored: "new"}
		client := github.New(apiBase, github.StoredPAT{Secret: secret}, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
		})})
		if _, err := client.GetJob(t.Context(), github.Repository{Owner: "octo", Name: "app"}, 7); err == nil || secret.refreshes != 0 {
			t.Errorf("%d: %v, %d looks at the secret", status, err, secret.refreshes)
		}
	}
}

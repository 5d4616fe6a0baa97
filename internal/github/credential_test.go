package github_test

import (
	"context"
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

func (c *perOwner) Token(_ context.Context, owner string) (string, error) {
	c.asked = append(c.asked, owner)
	return fmt.Sprintf("token %d of %s", len(c.asked), owner), nil
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

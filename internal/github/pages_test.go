package github_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

type runsPage = fleet.Page[fleet.WorkflowRun]

// tagged is a GitHub whose answers have ETags, which depend on the token as GitHub's do.
type tagged struct {
	body, next string
	asked      []string // the path and the condition of each request
}

func (g *tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	unless := r.Header.Get("If-None-Match")
	g.asked = append(g.asked, strings.TrimSpace(r.URL.RequestURI()+" "+unless))
	h := http.Header{"Etag": {`W/"` + r.Header.Get("Authorization")[len("Bearer "):] + g.body + `"`}}
	if unless == h.Get("ETag") {
		return &http.Response{StatusCode: http.StatusNotModified, Header: h, Body: http.NoBody, Request: r}, nil
	}
	if g.next != "" {
		h.Set("Link", "<"+apiBase+g.next+`>; rel="next"`)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: h, Body: io.NopCloser(strings.NewReader(`{"workflow_runs": ` + g.body + `}`)), Request: r}, nil
}

func TestAPageIsAskedForOnTheConditionThatItHasChanged(t *testing.T) {
	g, stored := &tagged{body: `[{"id": 1, "status": "queued", "run_attempt": 2}]`, next: "/repositories/9/actions/runs?page=2"}, "first"
	hub := github.NewForFleet(apiBase, github.PAT(func(context.Context) (string, error) { return stored, nil }), &http.Client{Transport: g})
	ask := func(was runsPage) runsPage {
		t.Helper()
		page, err := hub.WorkflowRuns(t.Context(), "octo/widgets", "queued", was)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	const path = "/repos/octo/widgets/actions/runs?per_page=100&status=queued"

	first := ask(runsPage{})
	if first.Unchanged || len(first.Items) != 1 || first.Items[0].Attempt != 2 || first.Next != g.next || first.ETag == "" {
		t.Fatalf("the first answer is %+v", first)
	}
	again := ask(first)
	if want := first; !again.Unchanged {
		t.Errorf("it has not changed: %+v", again)
	} else if want.Unchanged = true; !cmp.Equal(want, again) {
		t.Error(cmp.Diff(want, again))
	}
	g.body, g.next = `[]`, ""
	if changed := ask(first); changed.Unchanged || len(changed.Items) != 0 || changed.Next != "" || changed.ETag == first.ETag {
		t.Errorf("it has changed: %+v", changed)
	}
	stored = "second"
	ask(first)
	ask(runsPage{Path: "/repositories/9/actions/runs?page=2"})

	tag := ` W/"first[{"id": 1, "status": "queued", "run_attempt": 2}]"`
	if diff := cmp.Diff([]string{path, path + tag, path + tag, path, "/repositories/9/actions/runs?page=2"}, g.asked); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(first.Credential, "first") {
		t.Errorf("the token is kept: %s", first.Credential)
	}
}

func TestAnAnswerWithoutAnETagIsNotKept(t *testing.T) {
	hub := github.NewForFleet(apiBase, token, inProcess(`{"jobs": [{"id": 7, "status": "queued"}]}`, nil, func(*http.Request) {}))
	page, err := hub.JobsOf(t.Context(), "octo/widgets", fleet.WorkflowRun{ID: 1, Private: true}, fleet.Page[fleet.Job]{})
	if err != nil || page.Credential != "" || page.ETag != "" || len(page.Items) != 1 || !page.Items[0].Private {
		t.Errorf("%+v, %v", page, err)
	}
}

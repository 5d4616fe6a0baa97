package github_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

func TestWatching(t *testing.T) {
	const date, expires = "Tue, 01 Jul 2025 12:00:00 GMT", "2025-07-04 10:00:00 UTC"
	noon := time.Date(2025, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   github.Seen
	}{
		"a classic token": {
			answer(200, `{"id": 1, "full_name": "octo/widgets"}`, "Date", date, "X-OAuth-Scopes", "repo, workflow", "GitHub-Authentication-Token-Expiration", expires),
			github.Seen{Status: 200, Date: noon, HasScopes: true, Scopes: []string{"repo", "workflow"}, TokenExpires: time.Date(2025, 7, 4, 10, 0, 0, 0, time.UTC)},
		},
		"a classic token without scopes": {
			answer(404, refusal("Not Found"), "Date", date, "X-OAuth-Scopes", ""),
			github.Seen{Status: 404, Date: noon, HasScopes: true},
		},
		"a fine-grained token that may not": {
			answer(403, refusal("Resource not accessible by personal access token"), "Date", date, "X-Accepted-GitHub-Permissions", "metadata=read"),
			github.Seen{Status: 403, Date: noon, Accepts: "metadata=read"},
		},
		"no answer": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, github.Seen{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			at := noon
			var sent []string
			client := github.NewWatched(server.URL, token, server.Client(), func() time.Time { at = at.Add(time.Second); return at }, func(c string) { sent = append(sent, c) })
			ctx, seen := github.Watching(t.Context())
			_, _ = client.GetRepository(ctx, repo)
			_, _ = client.GetRepository(t.Context(), repo) // not watched
			if !slices.Contains(sent, secret) {
				t.Errorf("it sends %q unseen", sent)
			}
			got, want := seen(), c.want
			want.At, want.Took = noon.Add(2*time.Second), time.Second
			if !got.At.Equal(want.At) || got.Took != want.Took || got.Status != want.Status || !got.Date.Equal(want.Date) || !got.TokenExpires.Equal(want.TokenExpires) ||
				got.HasScopes != want.HasScopes || !slices.Equal(got.Scopes, want.Scopes) || got.Accepts != want.Accepts {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

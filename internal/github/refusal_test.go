package github_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

const headSHA = "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11"

func refusedBy(rule string, change func(*fleet.Refusal)) fleet.Refusal {
	r := fleet.Refusal{
		FleetName: "prod", Repository: "octo/widgets", SHA: headSHA, Workflow: "CI", Number: 1,
		Rule: rule, Reason: `class "huge" is not one of large, small`,
	}
	change(&r)
	return r
}

func TestARefusalAsACommitStatus(t *testing.T) {
	status := func(change func(*github.CommitStatus)) github.CommitStatus {
		s := github.CommitStatus{
			State: "failure", Context: "ecs-runner-fleet (prod) / CI", Description: `class "huge" is not one of large, small`,
			TargetURL: github.RefusalPage + "#classunknown",
		}
		change(&s)
		return s
	}
	same := func(*github.CommitStatus) {}
	for name, c := range map[string]struct {
		change func(*fleet.Refusal)
		want   github.CommitStatus
	}{
		"as it is": {func(*fleet.Refusal) {}, status(same)},
		"with a page of the user's": {
			func(r *fleet.Refusal) { r.URL = "https://wiki.example.com/ci" },
			status(func(s *github.CommitStatus) { s.TargetURL = "https://wiki.example.com/ci" }),
		},
		"the second one of its workflow run": {
			func(r *fleet.Refusal) { r.Number = 2 },
			status(func(s *github.CommitStatus) { s.Context += " (2)" }),
		},
		"of a rule with an underscore": {
			func(r *fleet.Refusal) { r.Rule = "labels.too_long" },
			status(func(s *github.CommitStatus) { s.TargetURL = github.RefusalPage + "#labelstoo_long" }),
		},
		"of a workflow without a name, on an old Enterprise Server": {
			func(r *fleet.Refusal) { r.Workflow = "" },
			status(func(s *github.CommitStatus) { s.Context = "ecs-runner-fleet (prod)" }),
		},
		"a reason of 140 characters": {
			func(r *fleet.Refusal) { r.Reason = strings.Repeat("ä", 140) },
			status(func(s *github.CommitStatus) { s.Description = strings.Repeat("ä", 140) }),
		},
		"a longer one": {
			func(r *fleet.Refusal) { r.Reason = strings.Repeat("ä", 141) },
			status(func(s *github.CommitStatus) { s.Description = strings.Repeat("ä", 139) + "…" }),
		},
		"a longer one that ends in what was meant": {
			func(r *fleet.Refusal) { r.Reason = strings.Repeat("ä", 200) + `; did you mean "class:large"?` },
			status(func(s *github.CommitStatus) {
				s.Description = strings.Repeat("ä", 110) + `…; did you mean "class:large"?`
			}),
		},
		"a longer one that ends in something long": {
			func(r *fleet.Refusal) { r.Reason = "a; did you mean " + strings.Repeat("ä", 200) },
			status(func(s *github.CommitStatus) { s.Description = "a; did you mean " + strings.Repeat("ä", 123) + "…" }),
		},
		"a workflow's name that is long and has line ends": {
			func(r *fleet.Refusal) { r.Workflow, r.Number = "a\nb\x1b"+strings.Repeat("x", 400), 5 },
			status(func(s *github.CommitStatus) {
				s.Context = "ecs-runner-fleet (prod) / a b " + strings.Repeat("x", 219) + "… (5)"
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got github.CommitStatus
			var path string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				path = r.Method + " " + r.URL.Path
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					t.Error(err)
				}
				answer(201, `{"id": 1}`)(w, r)
			})
			as, err := github.ForFleet{Client: client}.ShowRefusal(t.Context(), refusedBy("class.unknown", c.change))
			if err != nil || as != "a failed commit status" {
				t.Errorf("it is %q, %v", as, err)
			}
			if want := "POST /api/v3/repos/octo/widgets/statuses/" + headSHA; path != want {
				t.Errorf("asked: %s, want %s", path, want)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if d, x := utf8.RuneCountInString(got.Description), utf8.RuneCountInString(got.Context); d > 140 || x > 255 {
				t.Errorf("a description of %d characters and a context of %d", d, x)
			}
		})
	}
}

func TestARefusalThatGitHubDoesNotTake(t *testing.T) {
	const hint = "; it needs the permission Commit statuses (read and write) on octo/widgets; without it, set refusal_status: never"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
		says   string
	}{
		"no permission":        {answer(403, refusal("Resource not accessible by personal access token")), github.NoAccess, hint},
		"no scope":             {answer(404, refusal("Not Found")), github.NotFound, hint},
		"a wrong token":        {answer(401, refusal("Bad credentials")), github.Unauthorized, "Bad credentials"},
		"no such commit":       {answer(422, refusal("No commit found for SHA: "+headSHA)), github.Invalid, "No commit found"},
		"a limit":              {answer(403, refusal("You have exceeded a secondary rate limit"), "Retry-After", "9"), github.RateLimited, ""},
		"a proxy's page":       {answer(502, "<html>"), github.Unavailable, ""},
		"an answer without id": {answer(201, "{}"), github.Unavailable, "lacks required fields"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := github.ForFleet{Client: serve(t, c.answer)}.ShowRefusal(t.Context(), refusedBy("class.unknown", func(*fleet.Refusal) {}))
			if fleet.ErrorName(err) != c.want || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), secret) {
				t.Errorf("%s: %v; want %s … %s", fleet.ErrorName(err), err, c.want, c.says)
			}
			if wait := fleet.RetryAfter(err).Seconds(); (wait == 9) != (c.want == github.RateLimited) {
				t.Errorf("it is to wait %g s", wait)
			}
		})
	}
}

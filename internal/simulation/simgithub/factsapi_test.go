package simgithub_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

const (
	listRunners = "/repos/octo/app/actions/runners?per_page=100"
	jitConfig   = "/repos/octo/app/actions/runners/generate-jitconfig"
)

func contains(t testing.TB, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q is not in %s", part, text)
	}
}

// many asks n times, one after the other, and returns the answers' statuses.
func (w *world) many(n int, method, path, body string, header ...string) map[int]int {
	w.t.Helper()
	statuses := map[int]int{}
	w.do(func() {
		for range n {
			statuses[w.askNow(method, path, body, header...).status]++
		}
	})
	return statuses
}

func registration(name string) string {
	return `{"name":"` + name + `","runner_group_id":1,"labels":["self-hosted"]}`
}

func TestFactsOfTheLimits(t *testing.T) {
	facts{
		// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
		"a credential has 5000 requests an hour": func(t *testing.T, w *world) {
			for range 10 {
				w.many(500, "GET", listRunners, "")
				w.pass(time.Minute)
			}
			refusal := w.ask("GET", listRunners)
			same(t, "status", refusal.status, http.StatusForbidden)
			same(t, "remaining", refusal.header.Get("x-ratelimit-remaining"), "0")
			same(t, "limit", refusal.header.Get("x-ratelimit-limit"), "5000")
			contains(t, refusal.body, "API rate limit exceeded")
			w.token = "t2"
			same(t, "another credential", w.ask("GET", "/repos/octo/other/actions/runners").status, http.StatusOK)
			w.token = "t1"
			reset, _ := strconv.ParseInt(refusal.header.Get("x-ratelimit-reset"), 10, 64)
			w.pass(time.Unix(reset, 0).Add(time.Second).Sub(w.k.Now()))
			fresh := w.ask("GET", listRunners)
			same(t, "after the reset", fresh.status, http.StatusOK)
			same(t, "remaining", fresh.header.Get("x-ratelimit-remaining"), "4999")
			usage := w.Usage()["fleet"]
			same(t, "refused", usage.RefusedPrimary, 1)
			same(t, "most in an hour", usage.MaxUsed, 5000)
			same(t, "used now", usage.Used, 1)
		},
		// the same page: 900 points a minute
		"900 GETs a minute are allowed, and no more": func(t *testing.T, w *world) {
			statuses := map[int]int{}
			w.atOnce(901, func() { statuses[w.askNow("GET", listRunners, "").status]++ })
			same(t, "answered", statuses[http.StatusOK], 900)
			same(t, "refused", statuses[http.StatusForbidden], 1)
			refusal := w.ask("GET", listRunners)
			same(t, "status", refusal.status, http.StatusForbidden)
			contains(t, refusal.body, "secondary rate limit")
			after, _ := strconv.Atoi(refusal.header.Get("Retry-After"))
			if after < 1 || after > 60 {
				t.Errorf("Retry-After is %d", after)
			}
			w.pass(time.Duration(after) * time.Second)
			same(t, "after that", w.ask("GET", listRunners).status, http.StatusOK)
			same(t, "most points", w.Usage()["fleet"].MaxPoints, 900)
		},
		// the same page: POST, PATCH, PUT and DELETE have 5 points
		"180 registrations a minute are allowed, and no more": func(t *testing.T, w *world) {
			statuses, n := map[int]int{}, 0
			w.atOnce(181, func() {
				n++
				statuses[w.askNow("POST", jitConfig, registration(fmt.Sprint("r", n))).status]++
			})
			same(t, "registered", statuses[http.StatusCreated], 180)
			same(t, "refused", statuses[http.StatusForbidden], 1)
			same(t, "most in a minute", w.Usage()["fleet"].MaxRegistrations, 180)
		},
		// the same page: 100 concurrent requests
		"100 concurrent requests are allowed": func(t *testing.T, w *world) {
			statuses := map[int]int{}
			w.inParallel(100, func() { statuses[w.askNow("GET", listRunners, "").status]++ })
			same(t, "100", statuses[http.StatusForbidden], 0)
			w.pass(time.Minute)
			w.inParallel(101, func() { statuses[w.askNow("GET", listRunners, "").status]++ })
			if statuses[http.StatusForbidden] == 0 {
				t.Error("101 are allowed as well")
			}
		},
		// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
		"a 304 is free of the hour's limit and has its points": func(t *testing.T, w *world) {
			first := w.ask("GET", listRunners)
			tag := first.header.Get("ETag")
			used := w.Usage()["fleet"].Used
			again := w.ask("GET", listRunners, "If-None-Match", tag)
			same(t, "status", again.status, http.StatusNotModified)
			same(t, "body", again.body, "")
			same(t, "used", w.Usage()["fleet"].Used, used)
			same(t, "remaining", again.header.Get("x-ratelimit-remaining"), first.header.Get("x-ratelimit-remaining"))
			w.pass(2 * time.Minute)
			statuses := map[int]int{}
			w.atOnce(901, func() { statuses[w.askNow("GET", listRunners, "", "If-None-Match", tag).status]++ })
			same(t, "unchanged", statuses[http.StatusNotModified], 900)
			same(t, "refused", statuses[http.StatusForbidden], 1)
		},
		// otterdog#201, github/docs#34689
		"an ETag depends on the content and on the token": func(t *testing.T, w *world) {
			const list = "/repos/octo/other/actions/runners"
			tag := w.ask("GET", list).header.Get("ETag")
			same(t, "unchanged", w.ask("GET", list).header.Get("ETag"), tag)
			w.token = "t2"
			same(t, "another token", w.ask("GET", list, "If-None-Match", tag).status, http.StatusOK)
			w.token = "t1"
			w.AddForeignRunner(other, labels)
			same(t, "another content", w.ask("GET", list, "If-None-Match", tag).status, http.StatusOK)
		},
		// https://docs.github.com/actions/reference/limits
		"a repository has 1500 registrations in five minutes": func(t *testing.T, w *world) {
			var statuses map[int]int
			n := 0
			for range 10 {
				for _, w.token = range []string{"t1", "t3"} {
					statuses = map[int]int{}
					w.atOnce(175, func() {
						n++
						statuses[w.askNow("POST", jitConfig, registration(fmt.Sprint("r", n))).status]++
					})
				}
				if statuses[http.StatusForbidden] > 0 {
					break
				}
				w.pass(62 * time.Second)
			}
			same(t, "registered", len(w.Registrations()), 1500)
		},
	}.checkOf(t, func(cfg *simgithub.Config) {
		cfg.Credentials = append(cfg.Credentials, simgithub.Credential{Name: "second", Token: "t3"})
	})
}

func (f facts) checkOf(t *testing.T, change func(*simgithub.Config)) {
	for sentence, shows := range f {
		t.Run(sentence, func(t *testing.T) {
			cfg := config()
			change(&cfg)
			shows(t, worldOf(t, cfg))
		})
	}
}

// inParallel lets n processes each do something once.
func (w *world) inParallel(n int, what func()) {
	w.t.Helper()
	w.waves(n, n, what)
}

// atOnce does something n times within seconds, by few processes.
func (w *world) atOnce(n int, what func()) {
	w.t.Helper()
	w.waves(n, 50, what)
}

func (w *world) waves(n, processes int, what func()) {
	w.t.Helper()
	left, running := n, processes
	for range processes {
		w.spawn(func() {
			for left > 0 {
				left--
				what()
			}
		}, func() { running-- })
	}
	for running > 0 {
		if !w.k.Step(w.k.Now().Add(time.Hour)) {
			w.t.Fatal("the processes did not come to their end")
		}
	}
}

func TestFactsOfTheAPI(t *testing.T) {
	facts{
		"a wrong token is 401": func(t *testing.T, w *world) {
			w.token = "wrong"
			refusal := w.ask("GET", listRunners)
			same(t, "status", refusal.status, http.StatusUnauthorized)
			contains(t, refusal.body, "Bad credentials")
		},
		"a replaced token is 401 and the credential's budget stays": func(t *testing.T, w *world) {
			w.ask("GET", listRunners)
			w.ReplaceToken("fleet", "new")
			same(t, "the old one", w.ask("GET", listRunners).status, http.StatusUnauthorized)
			w.token = "new"
			same(t, "remaining with the new one", w.ask("GET", listRunners).header.Get("x-ratelimit-remaining"), "4998")
		},
		// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
		"a repository that a credential may not see is 404": func(t *testing.T, w *world) {
			w.token = "t2"
			same(t, "app", w.ask("GET", listRunners).status, http.StatusNotFound)
			same(t, "other", w.ask("GET", "/repos/octo/other/actions/runners").status, http.StatusOK)
		},
		"a job is found in its own repository only": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			same(t, "here", w.ask("GET", fmt.Sprintf("/repos/octo/app/actions/jobs/%d", id)).status, http.StatusOK)
			same(t, "there", w.ask("GET", fmt.Sprintf("/repos/octo/other/actions/jobs/%d", id)).status, http.StatusNotFound)
		},
		// https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent
		"a request without a User-Agent is 403": func(t *testing.T, w *world) {
			same(t, "status", w.ask("GET", listRunners, "User-Agent", "").status, http.StatusForbidden)
		},
		// https://docs.github.com/repositories/creating-and-managing-repositories/renaming-a-repository
		"a renamed repository is redirected, keeps its id, and has its new name in webhooks": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.pass(time.Minute)
			w.Rename(app, "octo/renamed")
			moved := w.ask("GET", fmt.Sprintf("/repos/octo/app/actions/jobs/%d", id))
			same(t, "status", moved.status, http.StatusMovedPermanently)
			contains(t, moved.header.Get("Location"), base+"/repositories/")
			same(t, "followed", w.rest(id).ID, id)
			deleted := w.ask("DELETE", runnerPath(1))
			same(t, "a DELETE keeps its method", deleted.status, http.StatusTemporaryRedirect)
			w.Cancel(id)
			w.pass(time.Minute)
			same(t, "name", w.got[1].Repository.FullName, "octo/renamed")
			same(t, "id", w.got[1].Repository.ID, w.got[0].Repository.ID)
			w.register("by-the-old-name")
		},
		// runs-on/runs-on#30
		"a taken name is 409": func(t *testing.T, w *world) {
			w.register("a")
			w.do(func() {
				refusal := w.askNow("POST", jitConfig, registration("A"))
				same(t, "status", refusal.status, http.StatusConflict)
				contains(t, refusal.body, "Already exists - A runner with the name")
			})
		},
		"a request for a registration that lacks something is 422": func(t *testing.T, w *world) {
			w.do(func() {
				for body, says := range map[string]string{
					`{"name":"a","labels":["x"]}`:                                       "missing required key: runner_group_id",
					`{"runner_group_id":1,"labels":["x"]}`:                              "missing required key: name",
					`{"name":"a","runner_group_id":1}`:                                  "missing required key: labels",
					`{"name":"a","runner_group_id":1,"labels":[]}`:                      "1 item required; only 0 were supplied",
					`{"name":"a","runner_group_id":1,"labels":["a,b"]}`:                 "is not a label",
					registration(strings.Repeat("n", 65)):                               "1 to 64 characters",
					`{"name":"a","runner_group_id":1,"labels":["` + repeat(257) + `"]}`: "is not a label",
				} {
					refusal := w.askNow("POST", jitConfig, body)
					same(t, body, refusal.status, http.StatusUnprocessableEntity)
					contains(t, refusal.body, says)
				}
				same(t, "GitHub's own group", w.askNow("POST", jitConfig, `{"name":"a","runner_group_id":2,"labels":["x"]}`).status, http.StatusForbidden)
			})
		},
		"a fresh registration is offline, of an unknown system and without a version": func(t *testing.T, w *world) {
			w.register("a")
			contains(t, w.ask("GET", listRunners).body, `"os":"unknown","status":"offline","busy":false,"ephemeral":true,"version":null`)
		},
		// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
		"lists have pages of at most 100": func(t *testing.T, w *world) {
			for range 101 {
				w.queue(simgithub.JobSpec{})
			}
			first := w.ask("GET", "/repos/octo/app/actions/runs?status=queued&per_page=500")
			same(t, "runs", strings.Count(first.body, `"run_attempt"`), 100)
			contains(t, first.body, `"total_count":101`)
			contains(t, first.header.Get("Link"), `rel="next"`)
			runs := 0
			w.do(func() {
				for _, err := range w.client().WorkflowRuns(context.Background(), github.Repository{Owner: "octo", Name: "app"}, "queued") {
					if err != nil {
						t.Fatal(err)
					}
					runs++
				}
			})
			same(t, "of all pages", runs, 101)
			same(t, "by default", strings.Count(w.ask("GET", "/repos/octo/app/actions/runs").body, `"run_attempt"`), 30)
		},
		// https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
		"a filtered list of workflow runs ends after 1000": func(t *testing.T, w *world) {
			for range 1001 {
				w.Cancel(w.queue(simgithub.JobSpec{}))
			}
			for _, status := range []string{"completed", "cancelled"} {
				tenth := w.ask("GET", "/repos/octo/app/actions/runs?status="+status+"&per_page=100&page=10")
				same(t, "on the tenth page", strings.Count(tenth.body, `"run_attempt"`), 100)
				contains(t, tenth.body, `"total_count":1001`)
				same(t, "next", strings.Contains(tenth.header.Get("Link"), `rel="next"`), false)
				eleventh := w.ask("GET", "/repos/octo/app/actions/runs?status="+status+"&per_page=100&page=11")
				same(t, "on the eleventh", strings.Count(eleventh.body, `"run_attempt"`), 0)
			}
		},
		"a run is in progress as soon as one of its jobs is, and moves with no other job": func(t *testing.T, w *world) {
			run := w.NewRun(app)
			first := w.queue(simgithub.JobSpec{RunID: run})
			w.queue(simgithub.JobSpec{RunID: run})
			path := fmt.Sprintf("/repos/octo/app/actions/runs/%d", run)
			contains(t, w.ask("GET", path).body, `"status":"queued"`)
			r := w.runner("a")
			w.pass(time.Minute)
			sameList(t, "taken", r.jobs, first)
			before := w.ask("GET", path).body
			contains(t, before, `"status":"in_progress"`)
			r.session.Finish("success")
			w.pass(time.Minute)
			same(t, "when a job has ended", w.ask("GET", path).body, before)
		},
		"the runner's releases need no credential": func(t *testing.T, w *world) {
			w.token = ""
			same(t, "a release", w.ask("GET", "/repos/actions/runner/releases/tags/v2.336.0").status, http.StatusOK)
			same(t, "another", w.ask("GET", "/repos/actions/runner/releases/tags/v9.9.9").status, http.StatusNotFound)
			same(t, "anything else", w.ask("GET", listRunners).status, http.StatusUnauthorized)
			same(t, "of 60 an hour", w.many(60, "GET", "/repos/actions/runner/releases/tags/v2.336.0", "")[http.StatusForbidden], 3)
		},
	}.check(t)
}

func repeat(n int) string { return strings.Repeat("l", n) }

package simgithub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

// statuses is the address for those of the commit of a job.
func (w *world) statuses() (path string) {
	w.t.Helper()
	w.do(func() {
		job := w.queue(simgithub.JobSpec{})
		_, sha, _ := strings.Cut(w.askNow("GET", fmt.Sprintf("/repos/octo/app/actions/jobs/%d", job), "").body, `"head_sha":"`)
		path = "/repos/octo/app/statuses/" + sha[:40]
	})
	return path
}

func status(context string) string {
	return `{"state":"failure","description":"d","context":"` + context + `","target_url":"https://example.com"}`
}

func TestFactsOfStatuses(t *testing.T) {
	facts{
		// https://docs.github.com/rest/commits/statuses
		"a status is of a commit and a context": func(t *testing.T, w *world) {
			path := w.statuses()
			same(t, "statuses", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[201:1]")
			same(t, "statuses", fmt.Sprint(w.many(1, "POST", path, `{"state":"success"}`)), "map[201:1]")
			got := w.Statuses()
			same(t, "posted", len(got), 2)
			same(t, "first", got[0].State+" "+got[0].Context+" "+got[0].Description+" "+got[0].TargetURL+" "+got[0].Repository, "failure a d https://example.com octo/app")
			same(t, "second", got[1].State+" "+got[1].Context, "success default")
		},
		"a credential that may not": func(t *testing.T, w *world) {
			path := w.statuses()
			w.token = "t3"
			same(t, "statuses", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[403:1]")
			w.token = "t2"
			same(t, "another's", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[404:1]")
			w.token = "guess"
			same(t, "nobody's", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[401:1]")
			same(t, "posted", len(w.Statuses()), 0)
		},
		"what it does not take": func(t *testing.T, w *world) {
			path := w.statuses()
			for _, body := range []string{
				`{"state":"red"}`, `{}`, `{"state":"failure","target_url":"javascript:x"}`,
				`{"state":"failure","description":"` + strings.Repeat("ä", 141) + `"}`, status(strings.Repeat("ä", 256)),
			} {
				same(t, body, fmt.Sprint(w.many(1, "POST", path, body)), "map[422:1]")
			}
			same(t, "broken", fmt.Sprint(w.many(1, "POST", path, "{")), "map[400:1]")
			same(t, "no commit", fmt.Sprint(w.many(1, "POST", "/repos/octo/app/statuses/"+strings.Repeat("0", 40), status("a"))), "map[422:1]")
			same(t, "the longest", fmt.Sprint(w.many(1, "POST", path, `{"state":"failure","description":"`+strings.Repeat("ä", 140)+`"}`)), "map[201:1]")
		},
		// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
		"80 a minute": func(t *testing.T, w *world) {
			path := w.statuses()
			same(t, "statuses", fmt.Sprint(w.many(81, "POST", path, status("a"))), "map[201:80 403:1]")
			same(t, "most", w.Usage()["fleet"].MaxContents, 80)
			w.pass(time.Minute + time.Second)
			same(t, "a minute later", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[201:1]")
		},
		"500 an hour": func(t *testing.T, w *world) {
			path := w.statuses()
			for range 10 {
				w.many(50, "POST", path, status("a"))
				w.pass(2 * time.Minute)
			}
			same(t, "the 501st", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[403:1]")
			w.pass(time.Hour)
			same(t, "an hour later", fmt.Sprint(w.many(1, "POST", path, status("a"))), "map[201:1]")
		},
	}.checkOf(t, func(cfg *simgithub.Config) {
		cfg.Credentials = append(cfg.Credentials, simgithub.Credential{Name: "reader", Token: "t3", NoStatuses: true})
	})
}

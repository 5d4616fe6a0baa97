package simgithub

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listHooks shows the one webhook of a repository.
func (g *GitHub) listHooks(q *request) answer {
	w := &writer{}
	h := &q.repo.hook
	w.open('[').open('{').number("id", h.id).key("config").open('{').
		text("url", g.cfg.HookURL).text("content_type", "json").text("insecure_ssl", "0").close('}')
	if g.cfg.Full {
		w.fields(h.rest(q.repo))
	}
	w.close('}').close(']')
	return ok(w)
}

const cursorPrefix = "v1_"

// listDeliveries shows every attempt that has ended and is not forgotten, the newest
// first. A cursor names the delivery with which its page begins, so that a delivery
// made meanwhile moves nothing. Attempts are to be grouped by GUID
// (ubicloud/ubicloud#741).
func (g *GitHub) listDeliveries(q *request) answer {
	if q.first != q.repo.hook.id && !q.ofApp {
		return notFound()
	}
	cursor := int64(0)
	if given := q.value("cursor"); given != "" {
		if cursor = number(strings.TrimPrefix(given, cursorPrefix)); cursor == 0 {
			return unprocessable("Validation Failed")
		}
	}
	filter, size := q.value("status"), q.pages().size
	oldest := g.k.Now().Add(-keepDeliveries)
	if a, ok := q.repo.hook.same(q, oldest); ok {
		return a
	}
	w := &writer{b: make([]byte, 0, 400*size)}
	w.open('[')
	n, link := 0, ""
	for _, d := range slices.Backward(q.repo.hook.log) {
		if d.at.Before(oldest) {
			break
		}
		if !d.done || cursor != 0 && d.id > cursor || !d.matches(filter) {
			continue
		}
		if n == size {
			link = "<" + q.address(q.with("cursor", cursorPrefix+strconv.FormatInt(d.id, 10))) + `>; rel="next"`
			break
		}
		g.showDelivery(w, d)
		n++
	}
	w.close(']')
	a := ok(w)
	a.link = link
	q.repo.hook.shown = shownPage{asked: q.http.URL.RequestURI(), answer: a, changes: q.repo.hook.changes}
	return a
}

// shownPage is what a request for deliveries was answered with. Every sweep asks the same,
// and mostly nothing has changed.
type shownPage struct {
	asked   string
	answer  answer
	changes int
}

// same is the last answer, if the same request would be answered with it: the log is as it
// was, and none of it is too old by now.
func (h *hook) same(q *request, oldest time.Time) (answer, bool) {
	fresh := len(h.log) == 0 || !h.log[0].at.Before(oldest)
	return h.shown.answer, fresh && h.shown.answer.body != nil && h.shown.changes == h.changes && h.shown.asked == q.http.URL.RequestURI()
}

// matches is the filter of https://docs.github.com/rest/repos/webhooks.
func (d *delivery) matches(status string) bool {
	switch status {
	case "success":
		return d.code >= 200 && d.code < 400
	case "failure":
		return d.code >= 400 && d.code < 600
	}
	return true
}

// postAttempt makes one more attempt of a delivery, soon.
func (g *GitHub) postAttempt(q *request) answer {
	oldest := g.k.Now().Add(-keepDeliveries)
	for _, d := range q.repo.hook.log {
		if (q.first == q.repo.hook.id || q.ofApp) && d.id == q.second && d.done && !d.at.Before(oldest) {
			g.k.Log("delivery %s is to be made again", d.guid)
			g.redeliver(d.job.repo(), d)
			return answer{status: http.StatusAccepted, body: []byte("{}")}
		}
	}
	return notFound()
}

package simgithub

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// mostRuns is how many results a list of workflow runs has at most if it is filtered.
// https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
const mostRuns = 1000

func (g *GitHub) getJob(q *request) answer {
	j := g.jobByID[q.first]
	if j == nil || j.repo() != q.repo {
		return notFound()
	}
	w := &writer{b: make([]byte, 0, 1024)}
	g.writeJob(w, j, g.perhapsStale(j), g.cfg.Full)
	return ok(w)
}

// perhapsStale makes a fault of kind StaleJob strike: a job that runs is shown as it
// was in the queue.
func (g *GitHub) perhapsStale(j *job) jobState {
	state := j.now()
	if state.status != inProgress || len(j.past) < 2 {
		return state
	}
	fault, strikes := g.k.Strikes(StaleJob, j.repo().name)
	if !strikes || g.k.Now().Sub(state.started) > length(fault, time.Minute) {
		return state
	}
	g.k.Log("GitHub still shows job %d as queued", j.id)
	return j.past[len(j.past)-2]
}

func (g *GitHub) getRun(q *request) answer {
	r := g.runs[q.first]
	if r == nil || r.repo != q.repo {
		return notFound()
	}
	w := &writer{}
	g.writeRun(w, r, r.now())
	return ok(w)
}

// rerunFailedJobs refuses a workflow run that goes on (cli/cli#9221). That one without a
// failed job is refused as well is not documented.
// https://docs.github.com/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run
func (g *GitHub) rerunFailedJobs(q *request) answer {
	r := g.runs[q.first]
	switch {
	case q.by.NoReruns:
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	case r == nil || r.repo != q.repo:
		return notFound()
	case !r.over():
		return refuse(http.StatusForbidden, "This workflow is already running")
	case r.now().conclusion == success:
		return refuse(http.StatusForbidden, "This workflow run has no failed jobs")
	}
	g.rerunFailed(r)
	return answer{status: http.StatusCreated, body: []byte("{}")}
}

// listRuns lists the newest first, by status or conclusion if that is asked for.
func (g *GitHub) listRuns(q *request) answer {
	wanted := q.value("status")
	at, lags := g.asOf(q.operation)
	shown := q.pages()
	from := q.repo.runs
	if !lags && (wanted == queued || wanted == inProgress || wanted == waiting || wanted == pending) {
		from = q.repo.active
	}
	total := 0
	w := g.list()
	w.open('{').key("workflow_runs").open('[')
	for _, r := range slices.Backward(from) {
		state, exists := r.now(), true
		if lags {
			state, exists = r.at(at)
		}
		if !exists || wanted != "" && state.status != wanted && state.conclusion != wanted {
			continue
		}
		if shown.has(total) && (wanted == "" || total < mostRuns) {
			g.writeRun(w, r, state)
		}
		total++
		if wanted == completed && !lags && total >= shown.until {
			total = q.repo.completed
			break
		}
	}
	w.close(']').number("total_count", int64(total)).close('}')
	a := g.listed(w)
	if wanted != "" {
		total = min(total, mostRuns)
	}
	a.link = shown.link(q, total)
	return a
}

// at returns what a run showed at a time, if there was the run.
func (r *run) at(t time.Time) (runState, bool) {
	for _, s := range slices.Backward(r.past) {
		if !s.since.After(t) {
			return s, true
		}
	}
	return runState{}, false
}

// listRunJobs lists the jobs of a run's latest attempt, or of all.
func (g *GitHub) listRunJobs(q *request) answer {
	r := g.runs[q.first]
	if r == nil || r.repo != q.repo {
		return notFound()
	}
	jobs := r.latest()
	if q.value("filter") == "all" {
		jobs = r.jobs
	}
	at, lags := g.asOf(q.operation)
	shown := q.pages()
	total := 0
	w := g.list()
	w.open('{').key("jobs").open('[')
	for _, j := range jobs {
		state, exists := j.now(), true
		if lags {
			state, exists = j.at(at)
		}
		if !exists {
			continue
		}
		if shown.has(total) {
			g.writeJob(w, j, state, g.cfg.Full)
		}
		total++
	}
	w.close(']').number("total_count", int64(total)).close('}')
	a := g.listed(w)
	a.link = shown.link(q, total)
	return a
}

// at returns what a job showed at a time, if there was the job.
func (j *job) at(t time.Time) (jobState, bool) {
	for _, s := range slices.Backward(j.past) {
		if !s.since.After(t) {
			return s, true
		}
	}
	return jobState{}, false
}

// pages is the part of a list that a request asks for: items from up to until.
type pages struct{ page, size, from, until int }

// pages reads page and per_page: 30 if it is not said, at most 100.
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
func (q *request) pages() pages {
	page, size := max(1, int(number(q.value("page")))), int(number(q.value("per_page")))
	if size < 1 {
		size = 30
	}
	size = min(size, 100)
	return pages{page, size, (page - 1) * size, page * size}
}

func (p pages) has(i int) bool { return i >= p.from && i < p.until }

// link leads to the other pages of a list of so many items.
func (p pages) link(q *request, total int) string {
	last := max((total+p.size-1)/p.size, 1)
	text := ""
	add := func(page int, rel string) {
		if text != "" {
			text += ", "
		}
		text += "<" + q.address(q.with("page", strconv.Itoa(page))) + `>; rel="` + rel + `"`
	}
	if p.page > 1 {
		add(1, "first")
		add(min(p.page-1, last), "prev")
	}
	if p.page < last {
		add(p.page+1, "next")
		add(last, "last")
	}
	return text
}

// with is the query with another value.
func (q *request) with(name, value string) string {
	query := make(url.Values, len(q.query)+1)
	for k, v := range q.query { // Encode sorts
		query[k] = v
	}
	query[name] = []string{value}
	return query.Encode()
}

package simgithub

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultGroup = 1 // of a repository, its only one (github-aws-runners/terraform-aws-github-runner)
	hostedGroup  = 2
	maxName      = 64  // myoung34/docker-github-actions-runner#465
	maxLabel     = 256 // actions/runner Validators.cs
	maxLabels    = 100 // https://docs.github.com/rest/actions/self-hosted-runners
)

// listRunners lists all runners, or the one of a name.
func (g *GitHub) listRunners(q *request) answer {
	name := q.value("name")
	at, lags := g.asOf(q.operation)
	from := q.repo.runners
	if lags {
		from = slices.Concat(from, q.repo.gone)
	}
	shown := q.pages()
	total := 0
	w := g.list()
	w.open('{').key("runners").open('[')
	for _, r := range from {
		if name != "" && name != r.name {
			continue
		}
		state, exists := r.now(), true
		if lags {
			state, exists = r.at(at)
		}
		if !exists {
			continue
		}
		if shown.has(total) {
			g.writeRunner(w, r, g.perhapsLie(r, state))
		}
		total++
	}
	w.close(']').number("total_count", int64(total)).close('}')
	a := g.listed(w)
	a.link = shown.link(q, total)
	return a
}

func (r *runner) now() runnerState { return r.past[len(r.past)-1] }

// at returns what a runner showed at a time, if it was registered.
func (r *runner) at(t time.Time) (runnerState, bool) {
	for _, s := range slices.Backward(r.past) {
		if !s.since.After(t) {
			return s, !s.gone
		}
	}
	return runnerState{}, false
}

// perhapsLie makes a fault of kind BusyLies strike.
func (g *GitHub) perhapsLie(r *runner, s runnerState) runnerState {
	if s.busy {
		if _, strikes := g.k.Strikes(BusyLies, r.repo.name); strikes {
			g.k.Log("GitHub shows runner %s as not busy, though it is", r.name)
			s.busy = false
		}
	}
	return s
}

func (g *GitHub) runner(q *request) *runner {
	for _, r := range q.repo.runners {
		if r.id == q.first {
			return r
		}
	}
	return nil
}

func (g *GitHub) getRunner(q *request) answer {
	r := g.runner(q)
	if r == nil {
		return notFound()
	}
	w := &writer{}
	g.writeRunner(w, r, g.perhapsLie(r, r.now()))
	return ok(w)
}

// deleteRunner removes a registration. A runner with a job stays (cybozu-go/meows#136).
// A job that was assigned and not accepted counts as well, which is not published.
func (g *GitHub) deleteRunner(q *request) answer {
	r := g.runner(q)
	switch {
	case r == nil:
		return notFound()
	case r.busy():
		return unprocessable(`Bad request - Runner "` + r.name + `" is still running a job`)
	}
	g.remove(r)
	return answer{status: http.StatusNoContent}
}

type jitRequest struct {
	Name       *string  `json:"name"`
	GroupID    *int64   `json:"runner_group_id"`
	Labels     []string `json:"labels"`
	WorkFolder string   `json:"work_folder"`
}

// postJITConfig registers an ephemeral runner, offline until its config is used. No
// label is added to those that are asked for (CloudSnorkel/cdk-github-runners#906).
func (g *GitHub) postJITConfig(q *request) answer {
	var body jitRequest
	if err := json.Unmarshal(q.body, &body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	if a := body.check(); a.status != 0 {
		return a
	}
	group := q.repo.groupByID(*body.GroupID)
	if group == nil {
		return notFound()
	}
	now := g.k.Now()
	recent := &q.repo.recent
	for len(*recent) > 0 && now.Sub((*recent)[0]) >= registrationWindow {
		*recent = (*recent)[1:]
	}
	if len(*recent) >= registrationLimit {
		g.k.Log("repository %s has had %d registrations in %s", q.repo.name, registrationLimit, registrationWindow)
		return limited(q.by.sendAway(now))
	}
	for _, r := range q.repo.runners {
		if strings.EqualFold(r.name, *body.Name) {
			return refuse(http.StatusConflict, "Already exists - A runner with the name "+r.name+" already exists.")
		}
	}
	*recent = append(*recent, now)
	q.by.usage.MaxRegistrations = max(q.by.usage.MaxRegistrations, q.by.registrations.add(now, 1))

	r := g.register(q.repo, *body.Name, body.Labels)
	r.group = group
	r.config = g.jitConfig(r)
	g.configs[r.config] = r
	g.expireLater(r)
	g.copyName(r)
	w := &writer{b: make([]byte, 0, 8192)}
	w.open('{').key("runner")
	g.writeRunner(w, r, r.now())
	w.text("encoded_jit_config", r.config).close('}')
	return answer{status: http.StatusCreated, body: w.b}
}

// check returns what GitHub finds wrong with a request for a registration.
func (r jitRequest) check() answer {
	missing := func(key string) answer {
		return unprocessable("Invalid input: object is missing required key: " + key + ".")
	}
	switch {
	case r.Name == nil:
		return missing("name")
	case r.GroupID == nil:
		return missing("runner_group_id")
	case r.Labels == nil:
		return missing("labels")
	case len(r.Labels) == 0:
		return unprocessable("Invalid property /labels: 1 item required; only 0 were supplied.")
	case len(r.Labels) > maxLabels:
		return unprocessable("Invalid property /labels: no more than 100 items are allowed; " + strconv.Itoa(len(r.Labels)) + " were supplied.")
	case *r.Name == "" || len(*r.Name) > maxName:
		return unprocessable("Invalid property /name: it must have 1 to 64 characters.")
	case *r.GroupID == hostedGroup:
		return refuse(http.StatusForbidden, "Runners cannot be added to the group of GitHub-hosted runners.")
	}
	for _, l := range r.Labels {
		if l == "" || len(l) > maxLabel || strings.Contains(l, ",") {
			return unprocessable("Invalid property /labels: " + strconv.Quote(l) + " is not a label.")
		}
	}
	return answer{}
}

// keys makes a config as large as GitHub's, which is over 4096 bytes
// (github-aws-runners/terraform-aws-github-runner#4613).
var keys = base64.StdEncoding.EncodeToString([]byte(`{"filler":"` + strings.Repeat("x", 2400) + `"}`))

// jitConfig is base64 of a JSON object from file name to base64 of its content
// (actions/runner src/Runner.Listener/Runner.cs).
func (g *GitHub) jitConfig(r *runner) string {
	settings := &writer{}
	settings.open('{').number("agentId", r.id).text("agentName", r.name).boolean("ephemeral", true).boolean("simulated", true).close('}')
	credentials := &writer{}
	credentials.open('{').text("scheme", "Simulated").text("secret", g.randomHex("github.secret", 16)).close('}')
	files := &writer{b: make([]byte, 0, 4096)}
	files.open('{').
		text(".runner", base64.StdEncoding.EncodeToString(settings.b)).
		text(".credentials", base64.StdEncoding.EncodeToString(credentials.b)).
		text(".credentials_rsaparams", keys).close('}')
	return base64.StdEncoding.EncodeToString(files.b)
}

package simgithub

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// GitHub's limits for a commit status, in characters.
// https://docs.github.com/rest/commits/statuses
const (
	maxStatusDescription = 140
	maxStatusContext     = 255
)

// The secondary limits for what others read.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
const (
	contentsAMinute = 80
	contentsAnHour  = 500
)

// Status is a commit status that was posted.
type Status struct {
	At                               time.Time
	Repository                       string
	SHA, State, Context, Description string
	TargetURL                        string
}

// Statuses are all that were posted, the oldest first.
func (g *GitHub) Statuses() []Status { return slices.Clone(g.statuses) }

// content counts one thing that others read, or returns how long to stay away.
func (c *credential) content(now time.Time) time.Duration {
	c.contents = slices.DeleteFunc(c.contents, func(at time.Time) bool { return now.Sub(at) >= time.Hour })
	within := 0
	for _, at := range c.contents {
		if now.Sub(at) < time.Minute {
			within++
		}
	}
	if within >= contentsAMinute || len(c.contents) >= contentsAnHour {
		return c.sendAway(now)
	}
	c.contents = append(c.contents, now)
	c.usage.MaxContents = max(c.usage.MaxContents, within+1)
	return 0
}

func (g *GitHub) postStatus(q *request) answer {
	if q.by.NoStatuses {
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	var body struct {
		State       string `json:"state"`
		TargetURL   string `json:"target_url"`
		Description string `json:"description"`
		Context     string `json:"context"`
	}
	if err := json.Unmarshal(q.body, &body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	sha := strings.TrimPrefix(q.rest, "statuses/")
	switch {
	case !slices.ContainsFunc(q.repo.runs, func(r *run) bool { return commit(r.id) == sha }):
		return unprocessable("No commit found for SHA: " + sha)
	case !slices.Contains([]string{"error", "failure", "pending", "success"}, body.State):
		return unprocessable("Validation Failed")
	case utf8.RuneCountInString(body.Description) > maxStatusDescription, utf8.RuneCountInString(body.Context) > maxStatusContext:
		return unprocessable("Validation Failed")
	case body.TargetURL != "" && !strings.HasPrefix(body.TargetURL, "https://") && !strings.HasPrefix(body.TargetURL, "http://"):
		return unprocessable("Validation Failed")
	}
	now := g.k.Now()
	if wait := q.by.content(now); wait > 0 {
		return limited(wait)
	}
	if body.Context == "" {
		body.Context = "default"
	}
	g.statuses = append(g.statuses, Status{
		At: now, Repository: q.repo.name, SHA: sha, State: body.State, Context: body.Context, Description: body.Description, TargetURL: body.TargetURL,
	})
	g.k.Log("commit %s of %s has the status %s of %q", sha, q.repo.name, body.State, body.Context)
	w := &writer{}
	id := g.newID()
	w.open('{').number("id", id).text("state", body.State).text("context", body.Context).
		textOrNull("description", body.Description).textOrNull("target_url", body.TargetURL)
	if g.cfg.Full {
		w.text("url", apiURL+q.repo.name+"/statuses/"+sha).null("avatar_url").text("node_id", nodeID("StatusContext", id)).
			time("created_at", now).time("updated_at", now).null("creator")
	}
	w.close('}')
	return answer{status: http.StatusCreated, body: w.b}
}

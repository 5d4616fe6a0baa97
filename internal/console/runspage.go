package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// perPage bounds the rows of a page.
const perPage = 50

// row is a run in a list.
type row struct {
	Run      fleet.Run
	State    state
	RunnerID string
	Queued   time.Time
	Wait     *int64 // in the queue, nil while it is there
	Job      *int64 // nil while it runs, or has not begun
	Started  time.Time
	Ended    time.Time
	Why      string // of a run that waits, was refused or failed
	Swapped  bool   // it ran on a runner that was launched for another
}

func rowsOf(runs []fleet.Run) []row {
	rows := make([]row, 0, len(runs))
	for _, r := range runs {
		rows = append(rows, rowOf(r))
	}
	return rows
}

func rowOf(r fleet.Run) row {
	one := row{
		Run: r, State: stateOfRun(r.Shown(), r.Conclusion), RunnerID: report.RunnerOf(r), Queued: cmpTime(r.At(fleet.StageQueued), r.At(fleet.StageReceived)), Wait: queuedFor(r),
		Started: r.At(fleet.StageJobStarted), Swapped: r.RanOn != "" && !strings.Contains(r.RanOn, "-"+strings.TrimPrefix(r.RunID, "job-")+"-"),
	}
	if r.Status.Terminal() {
		one.Ended = cmpTime(r.At(fleet.StageJobCompleted), r.At(fleet.StageClosed))
	}
	if done := r.At(fleet.StageJobCompleted); !done.IsZero() && !one.Started.IsZero() {
		ms := max(0, done.Sub(one.Started).Milliseconds())
		one.Job = &ms
	}
	if one.State.Tone == toneHeld || !r.Status.Terminal() && one.RunnerID == "" || r.Status == fleet.RunGone || r.Status == fleet.RunFailed {
		one.Why = r.Reason
	}
	return one
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// filter is what a list of runs is narrowed to, as the address has it.
type filter struct {
	Status, Repository, Workflow, Class, Since, Search string
	After                                              string // the last run of the page before
}

func filterOf(q url.Values) filter {
	get := func(name string) string { return fleet.Clip(strings.TrimSpace(q.Get(name)), 200) }
	return filter{get("status"), get("repository"), get("workflow"), get("class"), get("since"), get("q"), get("after")}
}

// Query is the address's query of the same filter with another value.
func (f filter) Query(name, value string) string {
	pairs := []string{"status", f.Status, "repository", f.Repository, "workflow", f.Workflow, "class", f.Class, "since", f.Since, "q", f.Search, "after", ""}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == name {
			pairs[i+1] = value
		}
	}
	return "/runs" + queryOf(pairs)
}

// Narrowed reports whether the list has not all runs.
func (f filter) Narrowed() bool { return f != filter{After: f.After} }

// spans are back to when people look. No one changes them.
var spans = []string{"15m", "1h", "6h", "24h", "168h"}

// groups are statuses that people look for together.
var groups = []struct {
	Name, Text string
	Of         []fleet.RunStatus
}{
	{"", "All", nil},
	{"open", "Open", []fleet.RunStatus{fleet.RunQueued, fleet.RunRetrying, fleet.RunWaiting, fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob, fleet.RunRunning}},
	{"waiting", "Waiting", []fleet.RunStatus{fleet.RunQueued, fleet.RunRetrying, fleet.RunWaiting}},
	{"ready", "Getting ready", []fleet.RunStatus{fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob}},
	{"running", "Running", []fleet.RunStatus{fleet.RunRunning}},
	{"failure", "Job failed", []fleet.RunStatus{fleet.RunCompleted, fleet.RunFailed}},
	{"completed", "Completed", []fleet.RunStatus{fleet.RunCompleted}},
	{"stopped", "Stopped", []fleet.RunStatus{fleet.RunCancelled, fleet.RunRefused, fleet.RunGone, fleet.RunFailed}},
}

// query is the filter as the records are asked by index. What is left for fits is looked
// for in what that finds.
func (f filter) query(now time.Time) report.RunQuery {
	q := report.RunQuery{Repository: f.Repository, Workflow: f.Workflow, Class: strings.ToLower(f.Class), After: f.After, Limit: perPage}
	if d, err := time.ParseDuration(f.Since); err == nil && d > 0 {
		q.Since = now.Add(-d)
	}
	if f.Status == "" {
		return q
	}
	for _, g := range groups {
		if g.Name == f.Status {
			q.Statuses = g.Of
			return q
		}
	}
	q.Statuses = []fleet.RunStatus{fleet.RunStatus(strings.ToUpper(f.Status))}
	return q
}

func (f filter) fits(r fleet.Run) bool {
	if f.Status == "failure" && stateOfRun(r.Shown(), r.Conclusion).Tone != toneBad {
		return false
	}
	return f.Search == "" || containsFold(f.Search, r.Job.Name, r.RunID, r.Job.Repository, r.Job.WorkflowName, report.RunnerOf(r), strings.Join(r.Job.Labels, " "), r.Reason)
}

func containsFold(part string, texts ...string) bool {
	part = strings.ToLower(part)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), part) })
}

// runsView is a page of a list of runs.
type runsView struct {
	filter
	Rows         []row
	Next         string // the address of the next page
	First        string // of the first one, "" on it
	Looked       int    // how many runs were looked at, if the page is short for that
	Groups       []groupLink
	Repositories []string
	Classes      []string
	Workflows    []string
	Statuses     []string
	Spans        []string
}

type groupLink struct {
	Href, Text string
	Here       bool
}

func (c *Console) runsPage(ctx context.Context, q url.Values) (page, error) {
	f := filterOf(q)
	settings, err := c.Records.Settings(ctx)
	if err != nil {
		return page{}, err
	}
	v := runsView{filter: f, Repositories: settings.Repositories, Spans: spans}
	if err := c.findRuns(ctx, &v); err != nil {
		return page{}, err
	}
	for name := range settings.ClassSizes {
		v.Classes = append(v.Classes, name)
	}
	slices.Sort(v.Classes)
	for _, g := range groups {
		v.Groups = append(v.Groups, groupLink{f.Query("status", g.Name), g.Text, g.Name == f.Status})
	}
	if v.Workflows, err = c.workflows(ctx); err != nil {
		return page{}, err
	}
	if f.After != "" {
		v.First = f.Query("after", "")
	}
	return page{Title: "Runs", Nav: "/runs", Lead: "One run for each job that GitHub has reported, the newest first.", Regions: []region{
		{ID: "filter", Template: "runfilter", Data: v, Fixed: true, Wide: true},
		{ID: "runs", Template: "runlist", Data: v, Wide: true},
	}}, nil
}

// findRuns fills a page. It looks at report.MostLookedAt runs at most: then the page is
// short, and leads on.
func (c *Console) findRuns(ctx context.Context, v *runsView) error {
	q := v.query(c.Now())
	for looked := 0; len(v.Rows) < perPage; {
		found, err := report.SearchRuns(ctx, c.Records, q)
		if errors.As(err, new(report.NotACursor)) { // of another release: the first page
			q.After, v.After = "", ""
			found, err = report.SearchRuns(ctx, c.Records, q)
		}
		if err != nil {
			return err
		}
		for _, r := range found.Runs {
			if v.fits(r) {
				v.Rows = append(v.Rows, rowOf(r))
			}
		}
		q.After, looked = found.Next, looked+found.Looked
		if found.Next == "" {
			return nil
		}
		if looked >= report.MostLookedAt {
			v.Looked = looked
			break
		}
	}
	v.Next = v.Query("after", q.After)
	return nil
}

// workflows are those of the runs that were read lately, or else of some of the newest.
func (c *Console) workflows(ctx context.Context) (names []string, err error) {
	c.mu.Lock()
	runs := c.recent.runs
	c.mu.Unlock()
	if runs == nil {
		if runs, err = c.Records.Runs(ctx, 2*perPage); err != nil {
			return nil, err
		}
	}
	for _, r := range runs {
		if name := r.Job.WorkflowName; name != "" && !slices.Contains(names, name) && len(names) < 50 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

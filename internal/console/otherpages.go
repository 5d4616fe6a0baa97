package console

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// runnersView is a page of a list of runners.
type runnersView struct {
	Phase, Search, State, Failure string
	Class, Since                  string
	After                         string // where the page before ended
	Rows                          []runnerRow
	Sort                          string
	Heads                         []head
	Next, First                   string
	Groups                        []groupLink
	Classes, Spans                []string
	Looked                        int // how many runners were looked at, if the page is short for that
}

type runnerRow struct {
	Runner   fleet.Runner
	State    state
	Of       string    // the run that it was launched for or that expects it, "" of one that idles
	Idle     time.Time // since when a warm runner idles, zero if it does not
	Idled    *int64    // how long it did before its job
	Stands   string    // in the state machine, of an open one
	Took     string    // the run that it took, "" for none
	Launched time.Time
	Ended    time.Time
	Lived    *int64
}

func runnerRowOf(r fleet.Runner) runnerRow {
	one := runnerRow{Runner: r, State: stateOf(r.Status), Launched: r.At(fleet.StageLaunched), Ended: r.At(fleet.StageClosed)}
	shown := report.OfRunner(r)
	one.Of, one.Idle, one.Idled = r.RunID, shown.IdleSince, shown.IdledFor
	if r.IsWarm() {
		one.Of = r.For
	}
	if r.Phase != fleet.Closed {
		one.Stands = stands(r)
	}
	if r.Phase == fleet.Closing {
		one.State.Text = "Ending"
	}
	if r.Took != 0 {
		one.Took = fleet.RunID(r.Took)
	}
	if !one.Ended.IsZero() && !one.Launched.IsZero() {
		ms := max(0, one.Ended.Sub(one.Launched).Milliseconds())
		one.Lived = &ms
	}
	return one
}

func (c *Console) runnersPage(ctx context.Context, q url.Values) (page, error) {
	get := func(name string) string { return fleet.Clip(strings.TrimSpace(q.Get(name)), 200) }
	settings, err := c.Records.Settings(ctx)
	if err != nil {
		return page{}, err
	}
	v := runnersView{
		Phase: get("phase"), Search: get("q"), State: get("state"), Failure: get("failure"), Class: get("class"), Since: get("since"), Sort: get("sort"), After: get("after"),
		Classes: slices.Sorted(maps.Keys(settings.ClassSizes)), Spans: spans,
	}
	for _, g := range [][2]string{{"", "All"}, {"open", "Open"}, {"failed", "Failed"}} {
		to := runnersView{Phase: g[0], Search: v.Search, Class: v.Class, Since: v.Since}
		v.Groups = append(v.Groups, groupLink{to.at(""), g[1], g[0] == v.Phase && v.State == "" && v.Failure == ""})
	}
	if v.Phase == "open" || v.State != "" {
		err = c.openRunnersOf(ctx, &v)
	} else {
		err = c.findRunners(ctx, &v)
	}
	if err != nil {
		return page{}, err
	}
	if v.After != "" {
		v.First = v.at("")
	}
	return page{Title: "Runners", Nav: "/runners", Lead: "Each runner takes one job and ends.", Regions: []region{
		{ID: "filter", Template: "runnerfilter", Data: v, Fixed: true, Wide: true},
		{ID: "runners", Template: "runnerlist", Data: v, Wide: true},
	}}, nil
}

// at is the address of the page that begins after another one, with the same filter.
func (v runnersView) at(after string) string {
	return "/runners" + queryOf([]string{"phase", v.Phase, "q", v.Search, "state", v.State, "failure", v.Failure, "class", v.Class, "since", v.Since, "sort", v.Sort, "after", after})
}

// Narrowed reports whether the list has not all runners of its group.
func (v runnersView) Narrowed() bool { return v.Search+v.State+v.Failure+v.Class+v.Since != "" }

// query is the filter as the records are asked. What is left for fits is looked for in what
// that finds.
func (v runnersView) query(now time.Time) report.RunnerQuery {
	q := report.RunnerQuery{Class: v.Class, Open: v.Phase == "open" || v.State != "", After: v.After, Limit: perPage}
	if d, err := time.ParseDuration(v.Since); err == nil && d > 0 {
		q.Since = now.Add(-d)
	}
	return q
}

func (v runnersView) fits(r fleet.Runner) bool {
	switch {
	case v.Phase == "failed" && r.FailureName == "", v.State != "" && stands(r) != v.State, v.Failure != "" && r.FailureName != v.Failure:
		return false
	}
	return v.Search == "" || containsFold(v.Search, r.RunnerID, r.RunID, r.Repository, r.ClassName, r.Image, r.FailureName, r.Reason, r.Pool)
}

// openRunnersOf fills a page with runners that are open: they are read whole, and so they can
// be sorted. The page before ended with a runner, which may have ended since.
func (c *Console) openRunnersOf(ctx context.Context, v *runnersView) error {
	open, err := c.Records.OpenRunners(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(open, func(a, b fleet.Runner) int { return report.PlaceOfRunner(a).Compare(report.PlaceOfRunner(b)) })
	v.Heads = sorted(open, v.Sort, runnerColumns(), func(by string) string {
		to := *v
		to.Sort = by
		return to.at("")
	})
	q := v.query(c.Now())
	begun := !slices.ContainsFunc(open, func(r fleet.Runner) bool { return r.RunnerID == v.After })
	for _, r := range open {
		switch {
		case !begun:
			begun = r.RunnerID == v.After
		case !q.Matches(r) || !v.fits(r):
		case len(v.Rows) == perPage:
			v.Next = v.at(v.Rows[perPage-1].Runner.RunnerID)
			return nil
		default:
			v.Rows = append(v.Rows, runnerRowOf(r))
		}
	}
	return nil
}

// findRunners fills a page with runners, open and ended ones. It looks at
// report.MostLookedAt at most: then the page is short, and leads on.
func (c *Console) findRunners(ctx context.Context, v *runnersView) error {
	v.Sort, v.Heads = "", unsorted(runnerColumns())
	q := v.query(c.Now())
	for looked := 0; len(v.Rows) < perPage; {
		q.Limit = perPage - len(v.Rows)
		if v.Search != "" || v.Phase != "" || v.Failure != "" {
			q.Limit = 5 * perPage // of which few fit
		}
		found, err := report.SearchRunners(ctx, c.Records, q)
		if errors.As(err, new(report.NotACursor)) { // of another release: the first page
			q.After, v.After = "", ""
			found, err = report.SearchRunners(ctx, c.Records, q)
		}
		if err != nil {
			return err
		}
		for i, r := range found.Runners {
			if !v.fits(r) {
				continue
			}
			if v.Rows = append(v.Rows, runnerRowOf(r)); len(v.Rows) == perPage && (i < len(found.Runners)-1 || found.Next != "") {
				v.Next = v.at(report.CursorOf(r))
				return nil
			}
		}
		if q.After, looked = found.Next, looked+found.Looked; found.Next == "" {
			return nil
		}
		if looked >= report.MostLookedAt {
			v.Looked = looked
			break
		}
	}
	v.Next = v.at(q.After)
	return nil
}

// runnerColumns are those of the list of runners.
func runnerColumns() []column[fleet.Runner] {
	return []column[fleet.Runner]{
		{Text: "State", name: "state", compare: byText(func(r fleet.Runner) string { return runnerRowOf(r).State.Text })},
		{Text: "Runner", name: "runner", compare: byText(func(r fleet.Runner) string { return r.RunnerID })},
		{Text: "Step", Class: "w2", name: "step", compare: byText(func(r fleet.Runner) string { return runnerRowOf(r).Stands })},
		{Text: "Job", Class: "w2"},
		{Text: "Class and image", Class: "w3", name: "class", compare: byText(func(r fleet.Runner) string { return r.ClassName + " " + r.Image })},
		{Text: "Lived", Class: "num w1"},
		{Text: "Launched", Class: "num", name: "launched", largest: true, compare: byTime(func(r fleet.Runner) time.Time { return r.At(fleet.StageLaunched) })},
	}
}

// runnerHead is what a runner is.
type runnerHead struct {
	runnerRow
	Changes bool
	Token   string
	Flags   string
	Fields  [][2]string
}

func (c *Console) runnerPage(ctx context.Context, id string) (page, error) {
	r, ok, err := c.Records.Runner(ctx, id)
	if err == nil && !ok {
		err = report.NotFound{What: "runner", ID: say(id)}
	}
	if err != nil {
		return page{}, err
	}
	histories, err := c.histories(ctx, []fleet.Runner{r})
	if err != nil {
		return page{}, err
	}
	h := runnerHead{runnerRow: runnerRowOf(r), Changes: c.Operator != nil, Token: c.token, Flags: c.Flags}
	exit := ""
	if r.ExitCode != nil {
		exit = strconv.Itoa(*r.ExitCode)
	}
	h.Fields = [][2]string{
		{"Repository", r.Repository}, {"Class", r.ClassName}, {"Image", r.Image}, {"Labels", strings.Join(r.Labels, ", ")}, {"Task", r.TaskARN}, {"Task status", r.TaskStatus}, {"Exit code", exit},
		{"Stop code", r.StopCode}, {"Stopped because", r.StoppedReason}, {"Containers ended because", r.ContainerReason}, {"Failure", strings.TrimSuffix(r.FailureName+": "+r.Failure, ": ")}, {"Reason", r.Reason},
	}
	h.Fields = slices.DeleteFunc(h.Fields, func(f [2]string) bool { return f[1] == "" })
	p := page{Title: r.RunnerID, Nav: "/runners", Up: link{"/runners", "Runners"}, Regions: []region{
		{ID: "head", Template: "runnerhead", Data: h, Wide: true},
		{ID: "history", Template: "history", Data: historyView{Histories: histories}, Wide: true},
	}}
	if c.OpenLog != nil {
		p.Regions = append(p.Regions, region{ID: "log", Template: "log", Late: func() any {
			return c.logView(ctx, r.RunnerID, r.Phase == fleet.Closed || r.TaskStatus == fleet.TaskStopped)
		}, Fixed: true, Wide: true})
	}
	return p, nil
}

// imagesView is the list of images.
type imagesView struct {
	Rows   []report.Image
	Search string
	Sort   string
	Heads  []head
}

func imageColumns() []column[report.Image] {
	return []column[report.Image]{
		{Text: "State", name: "state", compare: byText(func(i report.Image) string { return stateOf(i.Status).Text })},
		{Text: "Image", name: "image", compare: byText(func(i report.Image) string { return i.Image })},
		{Text: "Kind", Class: "w2", name: "kind", compare: byText(func(i report.Image) string { return string(i.Kind) })},
		{Text: "Revision", Class: "num w2", name: "revision", largest: true, compare: byNumber(func(i report.Image) int { return i.Revision })},
		{Text: "Runner", Class: "w3", name: "version", compare: byText(func(i report.Image) string { return i.RunnerVersion })},
		{Text: "Built", Class: "num w1", name: "built", largest: true, compare: byTime(func(i report.Image) time.Time { return i.BuiltAt })},
		{Text: "Used", Class: "num w2", name: "used", largest: true, compare: byTime(func(i report.Image) time.Time { return i.UsedAt })},
	}
}

func (c *Console) imagesPage(ctx context.Context, q url.Values) (page, error) {
	images, err := report.Images(ctx, c.Records, c.Now())
	if err != nil {
		return page{}, err
	}
	v := imagesView{Search: fleet.Clip(q.Get("q"), 200), Sort: fleet.Clip(q.Get("sort"), 200)}
	for _, i := range images[:min(len(images), report.MostListed)] {
		if v.Search == "" || containsFold(v.Search, i.Image, i.Tag, i.Status, i.Reason()) {
			v.Rows = append(v.Rows, i)
		}
	}
	v.Heads = sorted(v.Rows, v.Sort, imageColumns(), func(by string) string { return "/images" + queryOf([]string{"q", v.Search, "sort", by}) })
	return page{Title: "Images", Nav: "/images", Lead: "What jobs run in: the base image, the configuration's own, and those that jobs name.", Regions: []region{
		{ID: "filter", Template: "imagefilter", Data: v, Fixed: true, Wide: true}, {ID: "images", Template: "imagelist", Data: v, Wide: true},
	}}, nil
}

// classRow is a size that jobs may ask for, and what it costs and does.
type classRow struct {
	Name         string
	Default      bool
	Size         fleet.Class
	VCPU, Memory string
	Minute, Spot float64 // dollars
	Open, Runs   int
	Wait         *int64 // the median of the newest runs
}

func classColumns() []column[classRow] {
	return []column[classRow]{
		{Text: "Class", name: "class", compare: byText(func(r classRow) string { return r.Name })},
		{Text: "vCPU", Class: "num", name: "vcpu", largest: true, compare: byNumber(func(r classRow) int { return r.Size.CPU })},
		{Text: "Memory", Class: "num", name: "memory", largest: true, compare: byNumber(func(r classRow) int { return r.Size.Memory })},
		{Text: "Processor", Class: "w1", name: "processor", compare: byText(func(r classRow) string { return string(r.Size.Arch) })},
		{Text: "$ a minute", Class: "num w1", name: "price", compare: byNumber(func(r classRow) float64 { return r.Minute })},
		{Text: "on Spot, about", Class: "num w2", name: "spot", compare: byNumber(func(r classRow) float64 { return r.Spot })},
		{Text: "Open", Class: "num w1", name: "open", largest: true, compare: byNumber(func(r classRow) int { return r.Open })},
		{Text: "Runs", Class: "num w2", name: "runs", largest: true, compare: byNumber(func(r classRow) int { return r.Runs })},
		{Text: "Median queue", Class: "num w2", name: "queue", largest: true, compare: byNumber(func(r classRow) int64 { return known(r.Wait) })},
	}
}

func (c *Console) classesPage(ctx context.Context, q url.Values) (page, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return page{}, err
	}
	rows := []classRow{}
	for _, name := range slices.Sorted(maps.Keys(s.settings.ClassSizes)) {
		size := s.settings.ClassSizes[name]
		one := classRow{Name: name, Default: name == s.settings.DefaultClass, Size: size, Minute: price.Minute(size, fleet.Fargate), VCPU: number(float64(size.CPU) / 1024), Memory: number(float64(size.Memory)/1024) + " GB"}
		if size.Spot {
			one.Spot = price.Minute(size, fleet.FargateSpot)
		}
		for _, r := range s.open {
			if r.ClassName == name {
				one.Open++
			}
		}
		var waits []int64
		for _, r := range s.runs {
			if r.ClassName != name {
				continue
			}
			one.Runs++
			if ms := queuedFor(r); ms != nil {
				waits = append(waits, *ms)
			}
		}
		if len(waits) > 0 {
			slices.Sort(waits)
			p50 := percentile(waits, 50)
			one.Wait = &p50
		}
		rows = append(rows, one)
	}
	slices.SortStableFunc(rows, func(a, b classRow) int { return cmp.Compare(a.Minute, b.Minute) })
	heads := sorted(rows, q.Get("sort"), classColumns(), func(by string) string { return "/classes" + queryOf([]string{"sort", by}) })
	regions := []region{{ID: "classes", Template: "classlist", Data: classesView{rows, len(s.runs), heads}, Wide: true}}
	return page{Title: "Classes", Nav: "/classes", Lead: "Sizes that a job asks for by the label class:NAME. Prices are us-east-1's list prices.", Regions: append(regions, c.pools(s)...)}, nil
}

type classesView struct {
	Rows  []classRow
	Of    int // runs that were looked at
	Heads []head
}

// repositoryRow is what a repository has of the fleet.
type repositoryRow struct {
	Name          string
	Open, Waiting int
	Runs, Failed  int
	Wait          *int64
	Last          time.Time
}

type repositoriesView struct {
	Rows    []repositoryRow
	Of      int
	Share   int
	Whole   string // the organization that is served as a whole
	Shorter bool
	Heads   []head
}

func repositoryColumns() []column[repositoryRow] {
	return []column[repositoryRow]{
		{Text: "Repository", name: "repository", compare: byText(func(r repositoryRow) string { return r.Name })},
		{Text: "Open runners", Class: "num", name: "open", largest: true, compare: byNumber(func(r repositoryRow) int { return r.Open })},
		{Text: "Waiting", Class: "num", name: "waiting", largest: true, compare: byNumber(func(r repositoryRow) int { return r.Waiting })},
		{Text: "Runs", Class: "num w1", name: "runs", largest: true, compare: byNumber(func(r repositoryRow) int { return r.Runs })},
		{Text: "Failed", Class: "num w1", name: "failed", largest: true, compare: byNumber(func(r repositoryRow) int { return r.Failed })},
		{Text: "Median queue", Class: "num w2", name: "queue", largest: true, compare: byNumber(func(r repositoryRow) int64 { return known(r.Wait) })},
		{Text: "Last job", Class: "num w2", name: "last", largest: true, compare: byTime(func(r repositoryRow) time.Time { return r.Last })},
	}
}

func (c *Console) repositoriesPage(ctx context.Context, q url.Values) (page, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return page{}, err
	}
	by := map[string]*repositoryRow{}
	waits := map[string][]int64{}
	of := func(name string) *repositoryRow {
		key := fleet.RepositoryKey(name)
		if by[key] == nil {
			by[key] = &repositoryRow{Name: name}
		}
		return by[key]
	}
	for _, name := range s.settings.Repositories {
		of(name)
	}
	for _, r := range s.runs {
		one := of(r.Job.Repository)
		one.Runs++
		if at := cmpTime(r.At(fleet.StageQueued), r.At(fleet.StageReceived)); at.After(one.Last) {
			one.Last = at
		}
		if stateOfRun(r.Shown(), r.Conclusion).Tone == toneBad {
			one.Failed++
		}
		if !r.Status.Terminal() && r.RunnerID == "" && r.RanOn == "" {
			one.Waiting++
		}
		if ms := queuedFor(r); ms != nil {
			waits[fleet.RepositoryKey(r.Job.Repository)] = append(waits[fleet.RepositoryKey(r.Job.Repository)], *ms)
		}
	}
	for _, r := range s.open {
		of(r.Repository).Open++
	}
	v := repositoriesView{Of: len(s.runs), Share: s.policy.Share(), Whole: s.settings.Organization}
	if len(s.settings.Repositories) > 0 {
		v.Whole = ""
	}
	for key, one := range by {
		if all := waits[key]; len(all) > 0 {
			slices.Sort(all)
			p50 := percentile(all, 50)
			one.Wait = &p50
		}
		v.Rows = append(v.Rows, *one)
	}
	slices.SortFunc(v.Rows, func(a, b repositoryRow) int { return cmp.Or(b.Runs-a.Runs, cmp.Compare(a.Name, b.Name)) })
	v.Heads = sorted(v.Rows, q.Get("sort"), repositoryColumns(), func(by string) string { return "/repositories" + queryOf([]string{"sort", by}) })
	v.Shorter = len(v.Rows) > report.MostListed
	v.Rows = v.Rows[:min(len(v.Rows), report.MostListed)]
	return page{Title: "Repositories", Nav: "/repositories", Lead: "Whose jobs the fleet runs, and what they have of it.", Regions: []region{{ID: "repositories", Template: "repositorylist", Data: v, Wide: true}}}, nil
}

// mostEvents is how many events are shown, the newest ones.
const mostEvents = 100

func (c *Console) eventsPage(ctx context.Context) (page, error) {
	events, err := c.Records.Actions(ctx, time.Time{}, mostEvents)
	if err != nil {
		return page{}, err
	}
	return page{Title: "Events", Nav: "/events", Lead: "What operators did to the fleet, who and why: the newest 100.", Regions: []region{{ID: "events", Template: "eventlist", Data: events, Wide: true}}}, nil
}

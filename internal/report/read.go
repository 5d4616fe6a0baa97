package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// MostListed bounds every list.
const MostListed = 1000

// NotFound says that there is no record of a name.
type NotFound struct{ What, ID string }

func (e NotFound) Error() string { return fmt.Sprintf("there is no %s %s", e.What, e.ID) }

// Runs lists the newest runs, MostListed at most.
func Runs(ctx context.Context, src Source, now time.Time) ([]Run, error) {
	page, err := FindRuns(ctx, src, RunQuery{}, now)
	return page.Runs, err
}

// RunPage is a page of runs, the newest first, as they are shown.
type RunPage struct {
	Runs   []Run
	Next   string    // the cursor to go on with, "" after the last page
	Looked int       // runs that were looked at
	Oldest time.Time // the fleet heard of the oldest of them then; zero if there is none
}

// FindRuns shows what SearchRuns finds.
func FindRuns(ctx context.Context, src Source, q RunQuery, now time.Time) (RunPage, error) {
	found, err := SearchRuns(ctx, src, q)
	if err != nil {
		return RunPage{}, err
	}
	views, err := views(ctx, src, found.Runs, now)
	return RunPage{views, found.Next, found.Looked, found.Oldest}, err
}

// RunsOfRunner are the runs that a runner is shown beside: of the job that it took, or else
// of the one that expects it or that it was launched for. It fails with NotFound if there is
// no such runner.
func RunsOfRunner(ctx context.Context, src Source, runnerID string, now time.Time) ([]Run, Runner, error) {
	runner, ok, err := src.Runner(ctx, runnerID)
	if err == nil && !ok {
		err = NotFound{"runner", runnerID}
	}
	if err != nil {
		return nil, Runner{}, err
	}
	runs, seen := []fleet.Run{}, map[string]bool{"": true}
	ids := []string{runner.For, runner.RunID}
	if runner.Took != 0 {
		ids = append(ids, fleet.RunID(runner.Took))
	}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		run, ok, err := src.Run(ctx, id)
		if err != nil {
			return nil, Runner{}, err
		}
		if ok && RunnerOf(run) == runnerID {
			runs = append(runs, run)
		}
	}
	slices.SortFunc(runs, func(a, b fleet.Run) int { return PlaceOf(a).Compare(PlaceOf(b)) })
	shown, err := views(ctx, src, runs, now)
	return shown, OfRunner(runner), err
}

// views shows runs, with the runners that their times and stages need and the holds that
// they wait for.
func views(ctx context.Context, src Source, runs []fleet.Run, now time.Time) ([]Run, error) {
	var ids []string
	holds := map[string]fleet.Hold{}
	waits := false
	for _, run := range runs {
		ids = append(ids, stages.RunnersOf(run)...)
		waits = waits || run.Retrying() && run.Setback.Hold != ""
	}
	slices.Sort(ids)
	runners, err := src.RunnersByID(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	byID := make(map[string]fleet.Runner, len(runners))
	for _, r := range runners {
		byID[r.RunnerID] = r
	}
	if waits {
		all, err := src.HoldsBelow(ctx, "", MostListed)
		if err != nil {
			return nil, err
		}
		holds = byKey(all)
	}
	views := make([]Run, 0, len(runs))
	for _, run := range runs {
		var of []fleet.Runner
		for _, id := range stages.RunnersOf(run) {
			if r, ok := byID[id]; ok {
				of = append(of, r)
			}
		}
		view := OfRun(run, of, now)
		view.Retry = retryOf(run, holds)
		views = append(views, view)
	}
	return views, nil
}

// RunDetails is one run with the runners launched for it, the runner that took its
// job, and their executions.
type RunDetails struct {
	Run        Run         `json:"run"`
	Runners    []Runner    `json:"runners"`
	Executions []Execution `json:"executions"`
}

// ShowRun reads one run with all its executions. It fails with NotFound.
func ShowRun(ctx context.Context, src Source, runID string, now time.Time) (RunDetails, error) {
	run, ok, err := src.Run(ctx, runID)
	if err != nil {
		return RunDetails{}, err
	}
	if !ok {
		return RunDetails{}, NotFound{"run", runID}
	}
	runners, err := src.RunnersOf(ctx, runID)
	if err != nil {
		return RunDetails{}, err
	}
	runners, err = withOthers(ctx, src, run, runners)
	if err != nil {
		return RunDetails{}, err
	}
	details := RunDetails{Runners: []Runner{}, Executions: []Execution{}}
	for _, runner := range runners {
		details.Runners = append(details.Runners, OfRunner(runner))
		execution, err := ShowExecution(ctx, src, runner.RunnerID)
		if _, missing := err.(NotFound); missing {
			continue
		}
		if err != nil {
			return RunDetails{}, err
		}
		details.Executions = append(details.Executions, execution)
	}
	details.Run = OfRun(run, runners, now)
	if !run.Retrying() {
		return details, nil
	}
	holds, err := src.HoldsBelow(ctx, run.Setback.Hold, 1)
	if run.Setback.Hold == "" {
		holds = nil
	}
	details.Run.Retry = retryOf(run, byKey(holds))
	return details, err
}

// withOthers adds the runners that took the job, or are to take it, if they were launched
// for another run.
func withOthers(ctx context.Context, src Source, run fleet.Run, runners []fleet.Runner) ([]fleet.Runner, error) {
	for _, id := range []string{run.RanOn, run.RunnerID} {
		if id == "" || slices.ContainsFunc(runners, func(r fleet.Runner) bool { return r.RunnerID == id }) {
			continue
		}
		runner, ok, err := src.Runner(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			runners = append(runners, runner)
		}
	}
	return runners, nil
}

// Runners lists the newest runners, MostListed at most.
func Runners(ctx context.Context, src Source) ([]Runner, error) {
	page, err := FindRunners(ctx, src, RunnerQuery{})
	return page.Runners, err
}

// RunnerPage is a page of runners, the newest first, as they are shown.
type RunnerPage struct {
	Runners []Runner
	Next    string    // the cursor to go on with, "" after the last page
	Looked  int       // runners that were looked at
	Oldest  time.Time // the oldest of them was launched then; zero if there is none
}

// FindRunners shows what SearchRunners finds.
func FindRunners(ctx context.Context, src Source, q RunnerQuery) (RunnerPage, error) {
	found, err := SearchRunners(ctx, src, q)
	page := RunnerPage{make([]Runner, 0, len(found.Runners)), found.Next, found.Looked, found.Oldest}
	for _, r := range found.Runners {
		page.Runners = append(page.Runners, OfRunner(r))
	}
	return page, err
}

// ShowRunner reads one runner. It fails with NotFound.
func ShowRunner(ctx context.Context, src Source, runnerID string) (Runner, error) {
	runner, ok, err := src.Runner(ctx, runnerID)
	if err == nil && !ok {
		err = NotFound{"runner", runnerID}
	}
	return OfRunner(runner), err
}

// Executions lists executions, the latest started first.
func Executions(ctx context.Context, src Source) ([]execution.Execution, error) {
	list, err := src.ExecutionList(ctx, MostListed)
	if list == nil {
		list = []execution.Execution{}
	}
	return list, err
}

// linked is a Source whose executions can be looked at elsewhere too.
type linked interface {
	ConsoleURL(name string) string
}

// ShowExecution reads one execution with its history. It fails with NotFound.
func ShowExecution(ctx context.Context, src Source, name string) (Execution, error) {
	execution, ok, err := src.Execution(ctx, name)
	if err != nil {
		return Execution{}, err
	}
	if !ok {
		return Execution{}, NotFound{"execution", name}
	}
	events, err := src.History(ctx, name)
	if execution.State == "" {
		execution.State, execution.StateEnteredAt = lastState(events)
	}
	view := Execution{Execution: execution, Events: events}
	if l, ok := src.(linked); ok {
		view.ConsoleURL = l.ConsoleURL(name)
	}
	return view, err
}

// lastState is the state that a history entered last, and when. Step Functions
// reports it nowhere else.
func lastState(events []execution.Event) (state string, at time.Time) {
	for _, e := range events {
		if strings.HasSuffix(e.Type, "StateEntered") {
			state, at = e.State, e.Timestamp
		}
	}
	return state, at
}

// OnAWS is where a fleet is, if it is on AWS.
type OnAWS struct {
	Region     string `json:"region,omitempty"`
	Stack      string `json:"stack,omitempty"`
	ECSCluster string `json:"ecs_cluster,omitempty"`
	WebhookURL string `json:"webhook_url,omitempty"`
}

// Cluster is the fleet at a glance.
type Cluster struct {
	Settings
	OnAWS
	Running        bool                       `json:"running"`             // a fleet process serves it, or AWS does
	Paused         string                     `json:"paused,omitempty"`    // why it launches nothing
	PausedBy       string                     `json:"paused_by,omitempty"` // who gave that reason
	PausedAt       time.Time                  `json:"paused_at,omitzero"`
	OpenRunners    int                        `json:"open_runners"`
	RunnersBy      map[fleet.RunnerStatus]int `json:"runners_by_status"` // of the newest MostListed
	RunsBy         map[fleet.RunStatus]int    `json:"runs_by_status"`    // of the newest MostListed
	WaitingForRoom int                        `json:"waiting_for_room"`
	Rules          []RuleShare                `json:"rules,omitempty"` // of the policy that have a limit of runners
	Holds          []Hold                     `json:"holds"`           // what keeps runs from being launched
	// SubnetsLeftOut had no room lately: until when runners are launched into others.
	SubnetsLeftOut map[string]time.Time `json:"subnets_left_out,omitempty"`
	Repairs        map[string]int       `json:"repairs_by_cause"` // by the sweep, since the first start
	GitHub         *fleet.GitHubUsage   `json:"github,omitempty"` // nil until the first sweep
	Health         *Health              `json:"health,omitempty"` // of the process that serves it on one machine
}

// RuleShare is how many runners the jobs have that a rule of the policy admits.
type RuleShare struct {
	Name        string `json:"name"`
	OpenRunners int    `json:"open_runners"`
	MaxRunners  int    `json:"max_runners"`
	Waiting     int    `json:"waiting"` // runs, of the newest MostListed
}

func ruleShares(policy *fleet.Policy, capacity fleet.Capacity, runs []fleet.Run) (shares []RuleShare) {
	if policy == nil {
		return nil
	}
	most := policy.MaxOfRules()
	for _, rule := range policy.Rules {
		if most[rule.Name] == 0 {
			continue
		}
		share := RuleShare{Name: rule.Name, OpenRunners: capacity.OpenOfRule[rule.Name], MaxRunners: most[rule.Name]}
		for _, run := range runs {
			if list, _ := run.WaitList(); list == fleet.RuleList(rule.Name) {
				share.Waiting++
			}
		}
		shares = append(shares, share)
	}
	return shares
}

// Health is how a fleet process on one machine is.
type Health struct {
	Status         string   `json:"status"` // ok, failing or stopping
	FleetName      string   `json:"fleet_name"`
	OpenRunners    int      `json:"open_runners"`
	LastWriteError *Trouble `json:"last_write_error,omitempty"` // nil once a record is written again
	LastSweepError *Trouble `json:"last_sweep_error,omitempty"` // nil once a sweep leaves nothing
}

// Trouble is an error and when it was met.
type Trouble struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// ClusterStatus counts what the fleet has.
func ClusterStatus(ctx context.Context, src Source, now time.Time) (Cluster, error) {
	settings, err := src.Settings(ctx)
	if err != nil {
		return Cluster{}, err
	}
	policy := settings.Policy
	settings.Policy, settings.GitHubCA = nil, ""
	cluster := Cluster{Settings: settings, RunnersBy: map[fleet.RunnerStatus]int{}, RunsBy: map[fleet.RunStatus]int{}}
	capacity, err := src.Capacity(ctx)
	if err != nil {
		return Cluster{}, err
	}
	cluster.OpenRunners = capacity.Open
	cluster.Paused, cluster.PausedBy, cluster.PausedAt = capacity.Paused, capacity.PausedBy, capacity.PausedAt
	if cluster.Repairs, err = src.Repairs(ctx); err != nil {
		return Cluster{}, err
	}
	holds, err := src.HoldsBelow(ctx, "", MostListed)
	if err != nil {
		return Cluster{}, err
	}
	cluster.Holds = ofHolds(holds)
	cluster.SubnetsLeftOut = fleet.SubnetsLeftOut(byKey(holds)[fleet.SubnetsHold()], now)
	text, err := src.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return Cluster{}, err
	}
	if usage := (fleet.GitHubUsage{}); json.Unmarshal([]byte(text), &usage) == nil {
		cluster.GitHub = &usage
	}
	runs, err := src.Runs(ctx, MostListed)
	if err != nil {
		return Cluster{}, err
	}
	for _, run := range runs {
		cluster.RunsBy[run.Shown()]++
		if run.WaitsForRoom {
			cluster.WaitingForRoom++
		}
	}
	cluster.Rules = ruleShares(policy, capacity, runs)
	runners, err := src.Runners(ctx, MostListed)
	if err != nil {
		return Cluster{}, err
	}
	for _, r := range runners {
		cluster.RunnersBy[r.Status]++
	}
	return cluster, nil
}

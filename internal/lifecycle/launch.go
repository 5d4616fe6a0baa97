package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Launch gives the run a runner if it needs one and there is room. No execution starts
// in any other way. Repeating it is harmless: for a runner that is already open it only
// repeats StartExecution, by the same name.
func (f Fleet) Launch(ctx context.Context, runID string) (runnerID string, err error) {
	runnerID, _, err = f.launch(ctx, runID)
	return runnerID, err
}

// launch is Launch. It returns the run as it is then, too.
func (f Fleet) launch(ctx context.Context, runID string) (runnerID string, now fleet.Run, err error) {
	return f.launchAs(ctx, runID, func(run fleet.Run, _ bool) (fleet.Run, bool) { return run, false })
}

// launchAs is launch with another change of the run in the same write, or alone if the run
// gets no runner. known is false for a run without a record.
func (f Fleet) launchAs(ctx context.Context, runID string, as func(run fleet.Run, known bool) (fleet.Run, bool)) (runnerID string, now fleet.Run, err error) {
	var run fleet.Run
	var res fleet.LaunchResult
	err = f.change(ctx, func() (fleet.Changes, error) {
		read, known, err := f.Records.Run(ctx, runID)
		if err != nil {
			return fleet.Changes{}, err
		}
		var changed bool
		if run, changed = as(read, known); run.RunID == "" {
			return fleet.Changes{}, noRecord(runID)
		}
		capacity, err := f.Records.Capacity(ctx)
		if err != nil {
			return fleet.Changes{}, err
		}
		if run.WaitsForRoom && !run.Wanted() { // or it would be in the way of others
			run.WaitsForRoom = false
			res = fleet.LaunchResult{}
			return fleet.Changes{Runs: []fleet.Run{run}}, nil
		}
		run = f.ruled(run)
		holds, err := f.Records.Holds(ctx, run.HoldKeys())
		if err != nil {
			return fleet.Changes{}, err
		}
		facts := fleet.LaunchFacts{
			FleetName: f.Name, MaxRunners: f.MaxRunners, MaxPerRepository: f.MaxPerRepository, KeptForOthers: f.KeptForOthers, Repositories: f.Repositories, MaxOfRules: f.MaxOfRules, Queue: f.Limits.Queue, Run: run, Capacity: capacity,
			Holds: holds, Deployment: f.Deployment, Now: f.Now(),
		}
		if facts.Behind, err = f.isBehind(ctx, facts); err != nil {
			return fleet.Changes{}, err
		}
		if err := f.findWarm(ctx, &facts); err != nil {
			return fleet.Changes{}, err
		}
		res = fleet.Launch(facts)
		if changed && len(res.Changes.Runs) == 0 {
			res.Changes.Runs = []fleet.Run{run}
		}
		for i := range res.Changes.Runs {
			if res.RunnerID != "" { // it must be found again until its execution is started
				res.Changes.Runs[i].WaitsForRoom, res.Changes.Runs[i].WaitsForShare, res.Changes.Runs[i].WaitsForRule = run.WaitsForRoom, run.WaitsForShare, run.WaitsForRule
			}
		}
		return res.Changes, nil
	})
	now = run
	for _, changed := range res.Changes.Runs {
		now = changed
	}
	if err == nil && res.GivesWay != "" {
		f.giveWay(ctx, res.GivesWay)
	}
	if err != nil || res.RunnerID == "" {
		return "", now, err
	}
	if err := f.start(ctx, res.RunnerID, run); err != nil || !run.WaitsForRoom {
		return res.RunnerID, now, err
	}
	return res.RunnerID, now, f.change(ctx, func() (fleet.Changes, error) {
		run, err := f.ReadRun(ctx, runID)
		if err != nil || !run.WaitsForRoom || run.RunnerID != res.RunnerID {
			return fleet.Changes{}, err
		}
		run.WaitsForRoom = false
		return fleet.Changes{Runs: []fleet.Run{run}}, nil
	})
}

// ruled is the run with the rule that admits its job by the configuration of today. Where
// that is not known here, or only GitHub says it, it is the rule that its record has.
func (f Fleet) ruled(run fleet.Run) fleet.Run {
	if f.RuleOf == nil {
		return run
	}
	if rule, known := f.RuleOf(run.Job); known {
		run.AdmittedBy, run.RuleKnown = rule, true
	}
	return run
}

// lookedAt is how many of the waiting runs are searched for one that has no runner yet:
// the others are already launched and about to leave the list.
const lookedAt = 20

// isBehind reports whether another run waits for room and comes first. A run whose
// repository or rule has all the runners that it may have is in no other's way.
func (f Fleet) isBehind(ctx context.Context, facts fleet.LaunchFacts) (bool, error) {
	waiting, err := f.Records.Waiting(ctx, fleet.RoomList, fleet.LaterOrder, lookedAt)
	if err != nil {
		return false, err
	}
	place := facts.Capacity.Place(facts.Run, f.MaxPerRepository > 0)
	for _, id := range waiting {
		if id == facts.Run.RunID {
			return false, nil
		}
		other, ok, err := f.Records.Run(ctx, id)
		if err != nil {
			return false, err
		}
		if ok && other.RunnerID == "" && other.Wanted() && facts.HasShare(f.ruled(other)) {
			return other.ComesBefore(place), nil
		}
	}
	return false, nil
}

// LaunchWaiting launches the runs that wait for room, in turn, as long as there is room.
// It looks at one more: a run may have got its room from a process that died before it
// started the execution. While the fleet is paused there is no room.
func (f Fleet) LaunchWaiting(ctx context.Context) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.launchFrom(ctx, fleet.RoomList, capacity.Room(f.MaxRunners, f.Now())+1)
}

// mostPaced is how many runs one event launches that waited for the pace.
const mostPaced = 10

// LaunchPaced launches runs that wait because so many were launched within a minute: the
// sweep alone, which runs once a minute, would leave a part of each minute unused. While
// the fleet launches few, LaunchPaced only reads the capacity.
func (f Fleet) LaunchPaced(ctx context.Context) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil || !capacity.Hurried(f.Now()) {
		return err
	}
	room := capacity.Room(f.MaxRunners, f.Now())
	if room == 0 {
		return nil
	}
	return f.launchFrom(ctx, fleet.RoomList, min(room, mostPaced))
}

// LaunchShare launches the next runs of a repository that had as many runners as it may
// have, or puts them among the runs that wait for room.
func (f Fleet) LaunchShare(ctx context.Context, repository string) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.launchFrom(ctx, fleet.ShareList(repository), capacity.ShareLeft(f.MaxPerRepository, repository)+1)
}

// LaunchRule launches the next runs of a rule that had as many runners as it may have, or
// puts them among the runs that wait for room.
func (f Fleet) LaunchRule(ctx context.Context, rule string) error {
	most := f.MaxOfRules[rule]
	if most == 0 { // another configuration has set its runs free
		return f.launchFrom(ctx, fleet.RuleList(rule), mostPassed)
	}
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.launchFrom(ctx, fleet.RuleList(rule), capacity.RuleLeft(most, rule)+1)
}

// launchFreed is LaunchRule for those of some rules that have a limit.
func (f Fleet) launchFreed(ctx context.Context, rules ...string) error {
	for _, rule := range rules {
		if f.MaxOfRules[rule] == 0 {
			continue
		}
		if err := f.LaunchRule(ctx, rule); err != nil {
			return err
		}
	}
	return nil
}

// mostPassed is how many runs of a list are looked at, at once.
const mostPassed = 50

// launchFrom launches up to most runs of a list of waiting ones, or gives them their turn
// among those that wait for room. A run that turns out to wait for something else leaves
// the list and lets the next one pass.
func (f Fleet) launchFrom(ctx context.Context, list string, most int) error {
	seen := map[string]bool{}
	for range mostPassed {
		waiting, err := f.Records.Waiting(ctx, list, fleet.LaterOrder, most+len(seen))
		if err != nil {
			return err
		}
		passed := 0
		for _, runID := range waiting {
			if seen[runID] { // the list may lag behind the records
				continue
			}
			seen[runID] = true
			runnerID, run, err := f.launch(ctx, runID)
			if err != nil {
				return err
			}
			if in, _ := run.WaitList(); runnerID == "" && in != list && in != fleet.RoomList {
				passed++
			} else if most--; most == 0 {
				return nil
			}
		}
		if passed == 0 || len(seen) >= mostPassed {
			return nil
		}
	}
	return nil
}

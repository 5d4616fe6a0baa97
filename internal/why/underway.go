package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// underway is a run whose runner has been launched and has no job yet.
func (f Facts) underway() finding {
	r := f.runner()
	if r == nil {
		return finding{says: "has runner " + f.Run.RunnerID + ", whose record cannot be read", whose: ofFleet, next: []Step{{"look at the fleet", f.command("doctor")}}}
	}
	limits := f.limits()
	logs := Step{"read what the runner logs", f.command("runners logs " + r.RunnerID)}
	wait := Step{Do: "nothing yet: ask again in a minute"}
	at := func(s fleet.Stage) time.Time { return r.At(s) }
	switch {
	case r.Phase == fleet.Closing && f.byOperator(*r):
		return finding{
			says: fmt.Sprintf("has runner %s, which %s is ending%s", r.RunnerID, operator(*r), with(*r)), whose: ofOperator,
			waits: &Waits{For: "the end of that runner", Event: "it has ended, and the next one is launched"}, next: []Step{wait},
		}
	case r.Phase == fleet.Closing:
		return finding{
			says: fmt.Sprintf("has runner %s, which is being ended: %s", r.RunnerID, cmp.Or(sentence(r.Reason), fleet.NeededNoLonger)), whose: ofFleet,
			waits: &Waits{For: "the end of that runner", Event: "it has ended, and the next one is launched"}, next: []Step{wait},
		}
	case r.Stopped():
		return finding{
			says: fmt.Sprintf("has runner %s, whose task has stopped before it took the job: %s", r.RunnerID, f.stopped(*r)), whose: ofFleet,
			waits: &Waits{For: "the end of that runner", Event: "the fleet has closed it, and launches the next one"}, next: []Step{wait, logs},
		}
	case !at(fleet.StageRegistered).IsZero():
		since := r.IdleSince()
		return finding{
			says:  fmt.Sprintf("has runner %s, registered and idle %s: GitHub has not given it the job", r.RunnerID, f.since(since)),
			whose: ofGitHub,
			waits: &Waits{For: "GitHub to give the job to the runner", Until: since.Add(limits.Idle), Event: "a runner without a job is ended (limits.idle), and the job is tried again"},
			next:  []Step{{Do: "for the first seconds nothing; later look at the workflow's max-parallel, concurrency group and runner group"}, logs},
		}
	case !at(fleet.StageClaimed).IsZero():
		waits := &Waits{For: "GitHub to register the runner", Until: r.AskAt, Event: "GitHub is asked again"}
		if !r.AskAt.After(f.Now) {
			waits.Until, waits.Event = at(fleet.StageTaskStarted).Add(limits.Start), "the runner is given up (limits.start), and the job is tried again"
		}
		return finding{
			says:  fmt.Sprintf("has runner %s, which asked for its credential %s ago: GitHub has not registered it yet", r.RunnerID, lasted(f.Now.Sub(at(fleet.StageClaimed)))),
			whose: ofGitHub, waits: waits,
			next: []Step{{"look at https://www.githubstatus.com if this takes more than a minute, and at the fleet's access to GitHub", f.command("doctor")}, logs},
		}
	case !at(fleet.StageContainerUp).IsZero():
		return finding{
			says:  fmt.Sprintf("has runner %s, whose container is up %s and has not asked for its credential", r.RunnerID, f.since(at(fleet.StageContainerUp))),
			whose: ofImage,
			waits: &Waits{For: "the container to ask for its credential", Until: at(fleet.StageTaskStarted).Add(limits.Start), Event: "the runner is given up (limits.start), and the job is tried again"},
			next:  []Step{{Do: "after the first seconds: can the container reach the fleet's address?"}, logs},
		}
	case !at(fleet.StageTaskStarted).IsZero():
		return finding{
			says:  fmt.Sprintf("has runner %s, whose task was accepted %s ago: its container is being pulled and started", r.RunnerID, lasted(f.Now.Sub(at(fleet.StageTaskStarted)))),
			whose: ofImage,
			waits: &Waits{For: "the container to start", Until: at(fleet.StageTaskStarted).Add(limits.Start), Event: "the runner is given up (limits.start), and the job is tried again"},
			next:  []Step{{Do: "a large image takes a minute or two to pull; a smaller one is faster"}},
		}
	case r.Status == fleet.RunnerImageCreating:
		return f.building(*r)
	case !at(fleet.StageImageReady).IsZero():
		return f.placing(*r)
	case !at(fleet.StageAdmitted).IsZero():
		return finding{says: "has runner " + r.RunnerID + ", which looks for its image", whose: ofFleet, waits: &Waits{For: "the image's digest", Event: "moments from now"}, next: []Step{wait}}
	}
	return finding{
		says:  fmt.Sprintf("has runner %s, launched %s ago: the policy decides, and GitHub is asked whether the job still waits", r.RunnerID, lasted(f.Now.Sub(at(fleet.StageLaunched)))),
		whose: ofFleet, waits: &Waits{For: "the decision", Event: "GitHub has answered, moments from now"}, next: []Step{wait},
	}
}

// building is a run whose image is being built.
func (f Facts) building(r fleet.Runner) finding {
	since, image := r.At(fleet.StageAdmitted), name(cmp.Or(r.Image, f.Run.Image))
	found := finding{
		says: fmt.Sprintf("waits for its image %s, which is being built", image), whose: ofImage,
		waits: &Waits{For: "the build of " + image, Until: since.Add(f.limits().BuildWait()), Event: "the build has ended, or is given up"},
		next:  []Step{{"wait: a build takes minutes, and the next job finds the image built", f.command("images list")}},
	}
	if _, at, ok := fleet.ParseBuildOwner(f.Lock.Owner); ok && f.Lock.Held(f.Now) {
		found.says += fmt.Sprintf(": the build has taken %s so far", lasted(f.Now.Sub(at)))
		if n := len(f.Lock.Waiters); n > 1 {
			found.notes = append(found.notes, plural(n, "runner waits", "runners wait")+" for this build")
		}
	}
	if i := f.Image; i != nil && i.Failure != nil {
		found.notes = append(found.notes, fmt.Sprintf("its build before failed %s ago: %s", lasted(f.Now.Sub(i.Failure.At)), sentence(i.Failure.Reason)))
	}
	if strings.HasPrefix(r.Reason, fleet.ImageBuildQueueFull+": ") {
		found.says = fmt.Sprintf("waits for its image %s, whose build waits for a place among the builds that may run at once", image)
		found.next = []Step{{"wait, or raise on_demand_builds_at_once", f.command("images list")}}
	}
	return found
}

// placing is a run whose task the platform has not accepted yet.
func (f Facts) placing(r fleet.Runner) finding {
	found := finding{
		says: "has runner " + r.RunnerID + ", whose task is being started", whose: ofFleet,
		waits: &Waits{For: "the platform to accept the task", Event: "moments from now"}, next: []Step{{Do: "nothing yet: ask again in a minute"}},
	}
	if failure, _, ok := strings.Cut(r.Reason, ": "); ok && fleet.KindOf(failure) == fleet.SetbackCapacity {
		found.says = fmt.Sprintf("has runner %s, for which the platform has no room just now", r.RunnerID)
		found.whose = ofCapacity
		found.waits = &Waits{For: sentence(r.Reason), Event: "the platform has room; it is asked again for three minutes, and then the job is tried again later"}
		found.next = []Step{{"wait; if it happens often, name more subnets in other zones, or have the account's Fargate quota raised", f.command("doctor")}}
	}
	return found
}

// running is a run whose job GitHub reports as started.
func (f Facts) running() finding {
	run, r := f.Run, f.runner()
	since := run.At(fleet.StageJobStarted)
	found := finding{whose: ofJob}
	switch {
	case run.RanOn == "":
		found.says = "runs on a runner that is not of this fleet: " + sentence(cmp.Or(run.Reason, "GitHub says so"))
		found.whose = ofGitHub
		found.next = []Step{{Do: "if that is not wanted: another fleet or machine has runners with these labels in the repository"}}
		return found
	case f.stoppedByPolicy():
		found = f.byPolicyOfNow()
		found.says = fmt.Sprintf("is being ended: policy had refused it, GitHub gave it to %s all the same, and the fleet stopped that runner's task", run.RanOn)
		found.waits = f.endReported()
		return found
	case !run.QueuedAgainAt.IsZero():
		found.says = fmt.Sprintf("runs on %s as far as the fleet knows, and GitHub has called it queued again %s", run.RanOn, f.since(run.QueuedAgainAt))
		found.whose = ofGitHub
		found.waits = &Waits{For: "GitHub to say so for long enough", Until: run.QueuedAgainAt.Add(5 * time.Minute), Event: "GitHub is asked again, and then the job gets another runner"}
	case r != nil && (r.Stopped() || r.Phase == fleet.Closed):
		found.says = fmt.Sprintf("has lost its runner %s: %s; GitHub has not reported the end of the job yet", run.RanOn, f.stopped(*r))
		found.whose = f.whoseEnd(*r)
		found.waits = f.endReported()
		found.next = []Step{{"read the runner's log", f.command("runners logs " + run.RanOn)}}
		return found
	default:
		found.says = fmt.Sprintf("runs on %s %s", run.RanOn, f.since(since))
	}
	if found.waits == nil && !since.IsZero() {
		found.waits = &Waits{For: "the job itself", Until: since.Add(f.limits().MaxRuntime), Event: "the fleet ends a job that runs longer (limits.max_runtime)"}
	}
	found.next = []Step{{"follow its log", f.command("runners logs " + run.RanOn + " --follow")}}
	return found
}

// endReported is what a job waits for whose runner is gone.
func (f Facts) endReported() *Waits {
	asks := "the sweep asks each minute"
	if f.Policy.WholeOrganization() {
		asks = "if its webhook is lost, the sweep finds it within some 20 minutes"
	}
	return &Waits{For: "GitHub to report the end of the job", Event: "GitHub notices that the runner is gone, which may take ten minutes; " + asks}
}

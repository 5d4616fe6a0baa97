package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// launchedWithin is how long a run may be queued without a runner and without a reason:
// the sweep launches it within that time if the event was lost.
const launchedWithin = 2 * time.Minute

// queued is a run that waits for nothing: its runner is being launched.
func (f Facts) queued() finding {
	run := f.Run
	since := run.At(fleet.StageReceived)
	for _, r := range f.Runners {
		if at := r.At(fleet.StageClosed); at.After(since) {
			since = at
		}
	}
	found := finding{whose: ofFleet, waits: &Waits{For: "the launch of its runner", Event: "the fleet launches it, at the latest with the next sweep, which is each minute"}}
	switch {
	case f.Now.Sub(since) > launchedWithin:
		found.says = "has had no runner " + f.since(since) + ", and the fleet has noted no reason: it does not seem to work"
		found.next = []Step{{Do: "see whether the fleet and its sweep run", Command: f.command("doctor")}}
	case run.Launched > 0:
		found.says = "is about to get its next runner: " + cmp.Or(sentence(run.Reason), "the last one has ended")
		found.next = []Step{{Do: "nothing: ask again in a minute"}}
	default:
		found.says = "has just arrived: the fleet heard of it " + lasted(f.Now.Sub(since)) + " ago and is launching its runner"
		found.next = []Step{{Do: "nothing: ask again in a minute"}}
	}
	return found
}

// waitsForRoom is a run that would have a runner if there was room for one more.
func (f Facts) waitsForRoom() finding {
	run, most := f.Run, f.Policy.MaxRunners
	key := fleet.RepositoryKey(run.Job.Repository)
	status := Step{Do: "see what has the runners", Command: f.command("runners list")}
	found := finding{whose: ofCapacity}
	switch rule := run.AdmittedBy; {
	case f.Capacity.Paused != "":
		found.whose = ofOperator
		found.says = fmt.Sprintf("waits because %s paused the fleet %s ago: %s", cmp.Or(name(f.Capacity.PausedBy), anOperator), lasted(f.Now.Sub(f.Capacity.PausedAt)), sentence(f.Capacity.Paused))
		found.waits = &Waits{For: "the end of the pause", Event: "an operator resumes the fleet"}
		found.next = []Step{{Do: "once what the pause is for is over, resume the fleet", Command: f.command("resume")}}
	case run.WaitsForRule:
		found.whose = ofConfiguration
		found.says = "waits for room: " + inUse(f.Capacity.OpenOfRule[rule], f.Policy.MaxOfRules()[rule], "that rule "+rule+" may have at once")
		found.waits = &Waits{For: "a runner of a job that rule " + rule + " admits", Event: "one of them ends; the run that has waited longest comes first"}
		found.next = []Step{{Do: "wait, or raise max_runners of rule " + rule + " in the policy", Command: f.command("cluster status")}}
	case run.WaitsForShare && f.Policy.Share() > 0 && f.Capacity.OpenOf[key] >= f.Policy.Share():
		found.whose = ofConfiguration
		found.says = "waits for room: " + inUse(f.Capacity.OpenOf[key], f.Policy.Share(), "that "+name(run.Job.Repository)+" may have at once (max_runners_per_repository)")
		found.waits = &Waits{For: "a runner of a job of " + name(run.Job.Repository), Event: "one of them ends; the run that has waited longest comes first"}
		found.next = []Step{{Do: "wait, or raise max_runners_per_repository", Command: f.command("runners list")}}
	case run.WaitsForShare:
		found.says = fmt.Sprintf("waits for room: %d of %d runners are in use, and the last places are kept for repositories that have no runner", f.Capacity.Open, most)
		found.waits = &Waits{For: "a runner to end", Event: "one ends, and more places are left than are kept"}
		found.next = []Step{{Do: "wait, or raise max_runners"}, status}
	case f.Capacity.Open >= most && most > 0:
		found.says = fmt.Sprintf("waits for room: all %d runners of the fleet (max_runners) are in use", most)
		if most == 1 {
			found.says = "waits for room: the one runner of the fleet (max_runners) is in use"
		}
		found.waits = &Waits{For: "a runner to end", Event: "one ends and it is this run's turn: repositories take turns, and in each the run that has waited longest comes first"}
		found.next = []Step{{Do: "wait, or raise max_runners"}, status}
	case run.WaitsForTurn() && f.Capacity.Hurried(f.Now):
		found.whose = ofGitHub
		found.says = fmt.Sprintf("waits for its turn: %d runners start in a minute at most, which keeps the fleet within GitHub's limit of requests", fleet.MostStarts)
		found.waits = &Waits{For: "its turn", Event: "the runners before it have started, a minute or two from now"}
		found.next = []Step{{Do: "nothing: it starts by itself"}}
	default:
		found.says = fmt.Sprintf("waits for its turn: %d of %d runners are in use, and runs that came before it are launched first", f.Capacity.Open, most)
		found.waits = &Waits{For: "its turn", Event: "the runs before it have their runners, which takes moments"}
		found.next = []Step{{Do: "ask again in a minute; if it still waits, look at the fleet", Command: f.command("doctor")}}
	}
	found.says += "; it has waited " + f.since(cmp.Or(run.WaitsSince, run.At(fleet.StageReceived)))
	return found
}

// setbacks are what a person calls a setback of each kind, and what to do about it.
var setbacks = map[fleet.SetbackKind]struct {
	says string
	do   Step
}{
	fleet.SetbackCapacity:      {"the platform has no room for its class", Step{"on AWS: name more subnets in other zones, or have the account's Fargate quota raised; on one machine: make room", "doctor"}},
	fleet.SetbackBuild:         {"its image cannot be built", Step{"read the build's log and mend the image that the job names, or the Dockerfile", "images list"}},
	fleet.SetbackSource:        {"what its image is made from is not available", Step{"see whether the registry, or GitHub's release of the runner, can be reached; it mostly passes by itself", "images list"}},
	fleet.SetbackQuota:         {"its repository has used up the image builds of today", Step{"use an image that is built, or raise on_demand_builds_per_day", "images list"}},
	fleet.SetbackStart:         {"runners of its image do not start", Step{"read the log of its last runner", ""}},
	fleet.SetbackConfiguration: {"the platform refuses what the configuration makes the fleet ask for", Step{"mend the configuration and deploy it", "doctor"}},
	fleet.SetbackCredential:    {"GitHub does not accept the fleet's credential", Step{"store a token or key that works", "doctor"}},
	fleet.SetbackAccess:        {"the fleet's credential may not use the repository", Step{"give the token or GitHub App access to the repository, with Administration: write", "doctor"}},
	fleet.SetbackJob:           {"GitHub does not know the job, or refuses a request about it", Step{"look at the job on GitHub: was it, or its repository, deleted?", ""}},
	fleet.SetbackGitHub:        {"GitHub does not answer, or limits the fleet's requests", Step{"look at https://www.githubstatus.com and at what uses the fleet's credential beside it", "doctor"}},
	fleet.SetbackIdle:          {"its runner got no job, most often because GitHub holds the job back", Step{"look at the workflow: max-parallel, a concurrency group, or a runner group that leaves out the repository", ""}},
	fleet.SetbackOutage:        {"GitHub gives no runner a job", Step{"look at https://www.githubstatus.com", ""}},
	fleet.SetbackFleet:         {"the fleet itself failed", Step{"look at what the fleet and its functions log", "doctor"}},
}

// failures are what a person calls those failures of which the kind says too little.
var failures = map[string]string{
	fleet.RunnerDeadlineExceeded:       "GitHub has had it queued for longer than it keeps jobs, so one runner a day is started for it",
	fleet.RunnerQuotaExceeded:          "a quota of the AWS account, most often its Fargate vCPUs, is used up",
	fleet.RunnerSpotInterrupted:        "Fargate Spot took its runner back before the runner had the job",
	fleet.ImageBuildQueueFull:          "CodeBuild takes no further build, and its image is not built",
	fleet.ImageOutdated:                "GitHub gives no jobs to the runner in its image any more, and the next revision is being built",
	fleet.RunnerCannotPullContainer:    "its image could not be pulled",
	fleet.RunnerResourceInitialization: "the network, the log or the secrets of its task could not be set up",
	fleet.RunnerStartTimeout:           "the container of its runner did not ask for its credential in time",
	fleet.RunnerStoppedEarly:           "its runner stopped before it took the job",
	fleet.RunnerVersionDeprecated:      "GitHub gives no jobs to this version of the runner",
	fleet.GitHubNoRunnerGroup:          "there is no runner group of the name that the configuration has",
	fleet.GitHubUntrusted:              "the fleet does not trust GitHub's certificate",
	fleet.SecretMissing:                "a secret of the fleet is not there, is empty, or may not be read",
	fleet.GitHubRateLimited:            "GitHub limits the fleet's requests",
	fleet.GitHubUnavailable:            "GitHub does not answer",
	fleet.GitHubJobPending:             "GitHub holds the job back: max-parallel, or a concurrency group",
	fleet.AWSUnavailable:               "an AWS service did not answer",
	fleet.RecordsUnavailable:           "the fleet's table did not answer",
	fleet.RunnerClaimLost:              "its runner did not get the answer with its credential",
	fleet.RunnerLaunchUnclear:          "it is not clear whether its task was started",
}

// retrying is a run that waits for its next try after a setback.
func (f Facts) retrying() finding {
	s := f.Run.Setback
	about := setbacks[s.Kind]
	found := finding{says: "waits for its next try: " + f.met(*s), whose: s.Kind.Whose()}
	next, trying := s.NextTry, []string(nil)
	shared := f.Hold != nil
	if shared {
		next, trying = f.Hold.NextTry, f.Hold.Tries
	}
	found.waits = &Waits{For: s.Name + ": " + sentence(s.Cause), Until: next, Event: "it is tried again", Sooner: s.Kind.Sooner()}
	switch {
	case len(trying) > 0:
		tries := map[bool]string{true: " tries", false: " try"}[len(trying) == 1]
		found.says += "; " + strings.Join(trying, ", ") + tries + " right now whether that is over"
		found.waits.Until, found.waits.Event = time.Time{}, "one of those runners has come through, or all have failed"
	case next.After(f.Now):
		found.says += "; the next try is " + f.when(next)
	default:
		found.says += "; the next try is due"
		found.waits.Until, found.waits.Event = time.Time{}, "the next sweep, which is each minute, tries it"
	}
	if shared {
		found.waits.Event += "; a few runs try first, for all that wait for the same"
		found.notes = append(found.notes, fmt.Sprintf("every run that would meet the same waits too (hold %s, which began %s ago; %s in a row)", f.Hold.Key, lasted(f.Now.Sub(f.Hold.Since)), plural(f.Hold.InARow, "failure", "failures")))
	}
	if n := s.InARow; n > 0 {
		found.notes = append(found.notes, fmt.Sprintf("%s of this run failed like this, the last one %s ago", plural(n, "runner", "runners"), lasted(f.Now.Sub(s.At))))
	}
	do := about.do
	switch {
	case s.Name == fleet.GitHubNoRunnerGroup:
		do = Step{"make the runner group on GitHub, or correct runner_group and deploy", f.command("doctor")}
	case s.Name == fleet.RunnerSpotInterrupted:
		do = Step{Do: "nothing: it is tried again, and a class without Spot is not interrupted"}
	case do.Command != "":
		do.Command = f.command(do.Command)
	case s.Kind == fleet.SetbackStart && f.Run.LastRunner != "":
		do.Command = f.command("runners logs " + f.Run.LastRunner)
	}
	found.next = []Step{do, {"once the cause is mended, try at once; else it is tried again by itself", f.command("runs retry " + f.Run.RunID)}}
	return found
}

// met says what a setback of the run is.
func (f Facts) met(s fleet.Setback) string {
	says, named := failures[s.Name]
	if noJob := s.Kind == fleet.SetbackIdle || s.Kind == fleet.SetbackOutage; !named || noJob && s.Name != fleet.GitHubJobPending { // the kind says more
		says = setbacks[s.Kind].says
	}
	if f.Run.ClassName != "" {
		says = strings.Replace(says, "its class", "class "+f.Run.ClassName, 1)
	}
	if f.Run.Image != "" {
		says = strings.Replace(says, "its image", "its image "+name(f.Run.Image), 1)
	}
	return says
}

// deadline is when GitHub gives the job up, zero for one that it does not have in its queue.
func (f Facts) deadline() time.Time {
	switch run := f.Run; {
	case run.Status.Terminal(), run.Status == fleet.RunRunning, run.Status == fleet.RunWaiting:
		return time.Time{}
	default:
		return run.QueuedSince().Add(f.limits().Queue)
	}
}

func (f Facts) limits() fleet.Limits {
	if f.Policy.Limits.Queue == 0 {
		return fleet.DefaultLimits()
	}
	return f.Policy.Limits
}

// inUse says how many of some runners are in use.
func inUse(open, most int, which string) string {
	switch {
	case most == 1:
		return "the one runner " + which + " is in use"
	case open == 1:
		return fmt.Sprintf("1 of the %d runners %s is in use", most, which)
	}
	return fmt.Sprintf("%d of the %d runners %s are in use", open, most, which)
}

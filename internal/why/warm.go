package why

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// warm answers for a warm runner that no job has come to expect.
func (f Facts) warm(r fleet.Runner) finding {
	found := finding{says: r.RunnerID + " " + f.became(r, "") + "; no job has come to expect it", whose: ofFleet}
	pool := Step{"look at its pool", f.command("cluster status")}
	found.next = []Step{pool}
	registered := r.At(fleet.StageRegistered)
	switch {
	case r.Idle() && !registered.IsZero():
		since := r.IdleSince()
		found.says = fmt.Sprintf("%s idles in pool %s %s: GitHub gives it the next job with its labels", r.RunnerID, r.Pool, f.since(since))
		found.waits = &Waits{For: "a job whose labels are among its own", Sooner: "the end of the pool's schedule, its hours of the day, or a job that has no room otherwise"}
		if warm := f.Policy.Classes[r.ClassName].Warm; warm != nil {
			found.waits.Until, found.waits.Event = r.At(fleet.StageLaunched).Add(cmp.Or(time.Duration(warm.RotateAfter), fleet.DefaultRotation)), "a newer one replaces it (warm.rotate_after)"
		}
		found.notes = []string{"GitHub may delete it before: it deletes registrations that idle for some minutes"}
	case r.Idle():
		found.says = fmt.Sprintf("%s starts for pool %s: %s", r.RunnerID, r.Pool, progress(r))
		found.waits = &Waits{For: "its registration on GitHub", Event: "it idles, and jobs may take it"}
	case r.Phase == fleet.Closed && !registered.IsZero():
		if r.Fate() == fleet.WarmLost && r.Reason != "" {
			found.says = fmt.Sprintf("%s was in pool %s and %s", r.RunnerID, r.Pool, sentence(r.Reason))
		}
		found.notes = []string{"it idled for " + lasted(r.At(fleet.StageClosed).Sub(registered))}
	}
	return found
}

// idled is how long a warm runner idled before its job.
func idled(r fleet.Runner) string {
	from, until := r.At(fleet.StageRegistered), r.At(fleet.StageJobStarted)
	if from.IsZero() || until.Sub(from) < time.Second {
		return "idled in pool " + r.Pool
	}
	return fmt.Sprintf("idled for %s in pool %s", lasted(until.Sub(from)), r.Pool)
}

// cold says that the job got a runner of its own although a pool could have served it, "" if
// it did not.
func (f Facts) cold() string {
	run, r := f.Run, f.runner()
	if r == nil || r.IsWarm() || r.RunID != run.RunID || run.Launched != 1 || run.Setback != nil {
		return ""
	}
	pools, err := f.Policy.Pools()
	if err != nil {
		return "" // of another release
	}
	for _, p := range pools {
		of := p.Repository == "" || fleet.SameRepository(p.Repository, run.Job.Repository)
		if wanted := p.Wanted(r.At(fleet.StageLaunched)); of && wanted > 0 && fleet.CanRun(p.Labels, run.Job) {
			return fmt.Sprintf("pool %s wants %s, and had none for this job when its own runner was launched", p.Key, plural(wanted, "idle runner", "idle runners"))
		}
	}
	return ""
}

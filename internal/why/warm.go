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
			found.waits.Until, found.waits.Event = r.At(fleet.StageLaunched).Add(cmp.Or(warm.RotateAfter, fleet.DefaultRotation)), "a newer one replaces it (warm.rotate_after)"
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

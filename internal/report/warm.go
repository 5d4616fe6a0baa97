package report

import (
	"cmp"
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// WarmRunners reads the warm runners that were launched since a time, the newest first, with
// jobs and without, and looks at most at so many runners. It reads nothing of a fleet that
// never had a pool.
func WarmRunners(ctx context.Context, src Source, since time.Time, most int, look func(fleet.Runner)) error {
	capacity, err := src.Capacity(ctx)
	if err != nil || capacity.WarmMade == 0 {
		return err
	}
	q := RunnerQuery{Since: since}
	for looked := 0; looked < most; {
		q.Limit = min(MostListed, most-looked)
		found, err := SearchRunners(ctx, src, q)
		if err != nil {
			return err
		}
		for _, r := range found.Runners {
			if r.IsWarm() {
				look(r)
			}
		}
		looked += found.Looked
		if q.After = found.Next; q.After == "" {
			return nil
		}
	}
	return nil
}

// PolicyOf is what the fleet decides by. The settings of an earlier release have none.
func PolicyOf(s Settings) fleet.Policy {
	p := fleet.Policy{Limits: fleet.DefaultLimits(), AllowPublic: true}
	if s.Policy != nil {
		p = *s.Policy
	}
	p.FleetName, p.Repositories, p.MaxRunners, p.Classes = s.FleetName, s.Repositories, s.MaxRunners, s.ClassSizes
	p.DefaultClass = cmp.Or(p.DefaultClass, s.DefaultClass)
	return p
}

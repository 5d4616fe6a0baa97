package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestRepositoryHear(t *testing.T) {
	one := policy(func(p *fleet.Policy) { p.Repositories = []string{"octo/app"} })
	both := policy(func(p *fleet.Policy) { p.Repositories = []string{"octo/app", "octo/next"} })
	app := fleet.Repository{ID: 1, Name: "octo/app", Since: now}
	next := fleet.Repository{ID: 1, Name: "octo/next", Since: now.Add(time.Hour)}
	another := fleet.Repository{ID: 2, Name: "octo/app", Since: now.Add(2 * time.Hour)}
	heard := func(name string, after time.Duration) fleet.Repository {
		return fleet.Repository{ID: 1, Name: name, Since: now.Add(after)}
	}
	for name, tc := range map[string]struct {
		was, heard fleet.Repository
		policy     fleet.Policy
		want       fleet.Repository
		ok         bool
		now        string // its name
	}{
		"the first job":                            {fleet.Repository{}, app, one, app, true, "octo/app"},
		"another job":                              {app, heard("octo/app", time.Minute), one, app, true, "octo/app"},
		"another case is the same name":            {app, heard("Octo/App", time.Minute), one, app, true, "octo/app"},
		"it was renamed":                           {app, next, one, next, true, "octo/next"},
		"an earlier job, reported again":           {next, heard("octo/app", time.Minute), one, next, true, "octo/next"},
		"renamed back":                             {next, heard("octo/app", 2*time.Hour), one, heard("octo/app", 2*time.Hour), true, "octo/app"},
		"another has its old name":                 {next, another, one, next, false, "octo/next"},
		"another has its name, as far as is known": {app, another, one, app, false, "octo/app"},
		"the configuration has its new name":       {next, another, both, another, true, "octo/app"},
		"the new name is configured, and nothing was heard of the old one": {next, next, both, next, true, "octo/app"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := tc.was.Hear(tc.heard, tc.policy, "octo/app")
			equal(t, got, tc.want)
			equal(t, ok, tc.ok)
			equal(t, got.NameNow(tc.policy, "octo/app"), tc.now)
		})
	}
}

func TestLastTime(t *testing.T) {
	early, late := now, now.Add(time.Hour)
	equal(t, fleet.Job{CreatedAt: &early, StartedAt: &late}.LastTime(), late)
	equal(t, fleet.Job{}.LastTime(), time.Time{})
}

package lifecycle_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// From its first job on a repository stays the same under each name that GitHub gives
// it, even if a process dies between two writes; another repository that takes one of
// its names is not the same.
func TestARepositoryStaysItself(t *testing.T) {
	w := lifecycletest.New(t)
	p := fleet.Policy{Repositories: []string{"Octo/App"}}
	hour := 0
	told := func(name string, id int64) {
		t.Helper()
		at := w.Now().Add(time.Duration(hour) * time.Hour)
		hour++
		if err := lifecycle.LearnRepository(t.Context(), w.Records, p, fleet.Job{Repository: name, RepositoryID: id, CreatedAt: &at}); err != nil {
			t.Fatal(err)
		}
	}
	serves := func(name string, id int64, want bool) {
		t.Helper()
		why, err := lifecycle.ServesRepository(t.Context(), w.Records, p, name, id)
		if err != nil || (why == "") != want {
			t.Errorf("%s (%d): %q, %v", name, id, why, err)
		}
	}
	current := func(want string) {
		t.Helper()
		if got, err := lifecycle.CurrentName(t.Context(), w.Records, p, "Octo/App"); got != want || err != nil {
			t.Errorf("its name is %s, %v, want %s", got, err, want)
		}
	}

	serves("octo/next", 1, false)
	serves("octo/app", 1, true)
	current("Octo/App")
	told("octo/app", 1)
	serves("octo/app", 1, true)
	serves("octo/app", 0, true) // a payload without an id
	serves("octo/next", 1, true)
	serves("octo/next", 0, false)
	serves("octo/next", 2, false)
	serves("octo/app", 2, false)

	told("octo/next", 1)
	current("octo/next")
	told("octo/app", 2) // the webhook would not have passed it on
	current("octo/next")
	serves("octo/app", 2, false)

	p.Repositories = []string{"octo/next", "octo/app"}
	serves("octo/next", 1, true)
	told("octo/next", 1)
	serves("octo/app", 2, true)
	told("octo/app", 2)
	serves("octo/app", 1, false)
	serves("octo/next", 2, false)

	p.Repositories = []string{"octo/other"}
	serves("octo/next", 1, false)
	serves("octo/moved", 1, false)
}

func TestLearnRepositoryDiesInBetween(t *testing.T) {
	p := fleet.Policy{Repositories: []string{"octo/app"}}
	w := lifecycletest.New(t)
	job := fleet.Job{Repository: "octo/app", RepositoryID: 1}
	dies := diesAfter{w.Records, new(int)}
	*dies.writes = 1
	if err := lifecycle.LearnRepository(t.Context(), dies, p, job); err == nil {
		t.Fatal("it did not die")
	}
	if err := lifecycle.LearnRepository(t.Context(), w.Records, p, job); err != nil {
		t.Fatal(err)
	}
	if why, err := lifecycle.ServesRepository(t.Context(), w.Records, p, "octo/next", 1); why != "" || err != nil {
		t.Errorf("not found by its id: %q, %v", why, err)
	}
}

// diesAfter are cursors that fail after a number of writes.
type diesAfter struct {
	lifecycle.Cursors
	writes *int
}

func (d diesAfter) PutCursor(ctx context.Context, name, value string) error {
	if *d.writes--; *d.writes < 0 {
		return fleet.Errorf(fleet.RecordsUnavailable, "down")
	}
	return d.Cursors.PutCursor(ctx, name, value)
}

// With an organization and no list, every repository of it is served: renamed, made anew,
// and never heard of. One that was transferred to another owner is not, whatever its id.
func TestEveryRepositoryOfAnOrganization(t *testing.T) {
	w := lifecycletest.New(t)
	p := fleet.Policy{Organization: "acme"}
	job := fleet.Job{Repository: "acme/app", RepositoryID: 1}
	if err := lifecycle.LearnRepository(t.Context(), w.Records, p, job); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		repository string
		id         int64
		served     bool
	}{
		"the one heard of":       {"acme/app", 1, true},
		"renamed":                {"ACME/next", 1, true},
		"another under its name": {"acme/app", 2, true},
		"never heard of":         {"acme/other", 3, true},
		"transferred away":       {"hostile/app", 1, false},
		"no repository":          {"acme/", 4, false},
		"an owner with its name": {"acme-fake/app", 5, false},
	} {
		why, err := lifecycle.ServesRepository(t.Context(), w.Records, p, test.repository, test.id)
		if err != nil || (why == "") != test.served || p.AllowsRepository(test.repository) != test.served {
			t.Errorf("%s: %q, %v", name, why, err)
		}
	}
	if w.Records.Reads != 0 {
		t.Errorf("the table was read %d times", w.Records.Reads)
	}
	if p.Share() != 0 || (fleet.Policy{Organization: "acme", MaxRunners: 20}).Share() != 18 || (fleet.Policy{Organization: "acme", MaxRunners: 20}).KeptForOthers() != 2 {
		t.Error("one repository may have all runners of an organization")
	}
}

package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// launched are runners, the newest first, that count what is read of them.
type launched struct {
	runners []fleet.Runner
	read    int
}

// launches has n runners, a second apart, of which one in every has failed and the newest
// three are open.
func launches(n, every int) *launched {
	l := &launched{}
	for i := range n {
		r := fleet.Runner{RunnerID: fmt.Sprintf("fleet-%d-1", n-i), ClassName: []string{"small", "large"}[i%2], Status: fleet.RunnerOffline, Phase: fleet.Closed, Times: fleet.Times{}}
		if i%every == every-1 {
			r.Status = fleet.RunnerFailed
		}
		if i < 3 {
			r.Status, r.Phase = fleet.RunnerRunning, fleet.Open
		}
		l.runners = append(l.runners, r.Mark(fleet.StageLaunched, noon.Add(-time.Duration(i)*time.Second)))
	}
	return l
}

func (l *launched) RunnersBelow(_ context.Context, below Place, since time.Time, limit int) (read RunnersRead, _ error) {
	for _, r := range l.runners {
		at := PlaceOfRunner(r)
		switch {
		case at.At.Before(since), below != Place{} && at.Compare(below) <= 0:
		case len(read.Runners) == limit:
			read.Next = PlaceOfRunner(read.Runners[limit-1])
			return read, nil
		default:
			read.Runners, l.read = append(read.Runners, r), l.read+1
		}
	}
	return read, nil
}

func (l *launched) OpenRunners(context.Context) (open []fleet.Runner, _ error) {
	for _, r := range slices.Backward(l.runners) {
		if r.Phase != fleet.Closed {
			open = append(open, r)
		}
	}
	return open, nil
}

// TestRunnersAreFoundInPages goes through all pages of each query, and compares them with
// what matches.
func TestRunnersAreFoundInPages(t *testing.T) {
	for name, q := range map[string]RunnerQuery{
		"all":                     {Limit: 7},
		"a class":                 {Class: "large", Limit: 7},
		"a status":                {Statuses: []fleet.RunnerStatus{fleet.RunnerFailed}, Limit: 7},
		"a status of open ones":   {Statuses: []fleet.RunnerStatus{fleet.RunnerRunning, fleet.RunnerStarting}, Limit: 2},
		"open ones of a class":    {Open: true, Class: "small", Limit: 1},
		"both kinds of statuses":  {Statuses: []fleet.RunnerStatus{fleet.RunnerRunning, fleet.RunnerFailed}, Limit: 7},
		"since a time":            {Since: noon.Add(-20 * time.Second), Limit: 7},
		"a class since a time":    {Since: noon.Add(-20 * time.Second), Class: "large", Limit: 7},
		"nothing that there is":   {Class: "none", Limit: 7},
		"as many as there can be": {},
	} {
		l := launches(100, 9)
		var want, got []string
		for _, r := range l.runners {
			if q.Matches(r) {
				want = append(want, r.RunnerID)
			}
		}
		for pages := 0; ; pages++ {
			found, err := SearchRunners(t.Context(), l, q)
			if err != nil || q.Limit > 0 && len(found.Runners) > q.Limit || pages > 99 {
				t.Fatalf("%s: page %d has %d runners, %v", name, pages, len(found.Runners), err)
			}
			for _, r := range found.Runners {
				got = append(got, r.RunnerID)
			}
			if q.After = found.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestAPageOfRunnersIsBounded: it reads what it shows, and looks at MostLookedAt at most.
func TestAPageOfRunnersIsBounded(t *testing.T) {
	l := launches(50_000, 9)
	if found, err := SearchRunners(t.Context(), l, RunnerQuery{Limit: 30}); err != nil || len(found.Runners) != 30 || found.Next == "" || l.read != 31 {
		t.Errorf("30 of all: %d found, %d read, %v", len(found.Runners), l.read, err)
	}
	l.read = 0
	found, err := SearchRunners(t.Context(), l, RunnerQuery{Class: "none", Limit: 30})
	if err != nil || len(found.Runners) != 0 || found.Looked != MostLookedAt || found.Next == "" || l.read > MostLookedAt+readAtOnce {
		t.Errorf("none: %d looked at, %d read, %v", found.Looked, l.read, err)
	}
	l.read = 0
	if found, err := SearchRunners(t.Context(), l, RunnerQuery{Open: true}); err != nil || len(found.Runners) != 3 || l.read != 0 {
		t.Errorf("open ones: %d found, %d of all read, %v", len(found.Runners), l.read, err)
	}
	if _, err := SearchRunners(t.Context(), l, RunnerQuery{After: "fleet-1-1"}); !errors.As(err, new(NotACursor)) {
		t.Errorf("no cursor: %v", err)
	}
}

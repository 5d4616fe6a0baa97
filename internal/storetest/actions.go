package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func actionAt(id string, seconds int) fleet.Action {
	return fleet.Operator{By: "ada (uid 7)", Reason: "<b>why</b>"}.Act(fleet.CommandPause, id, now.Add(time.Duration(seconds)*time.Second))
}

func mustActions(t *testing.T, s Store, since time.Time, limit int, want ...fleet.Action) {
	t.Helper()
	got, err := s.Actions(t.Context(), since, limit)
	must(t, err)
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions since %s, at most %d (-want +got):\n%s", since, limit, diff)
	}
}

func actions(t *testing.T, s Store) {
	mustActions(t, s, time.Time{}, 9)
	var all []fleet.Action
	for i := range 4 {
		a := actionAt(fmt.Sprintf("a%d", i), i)
		all = append([]fleet.Action{a}, all...)
		write(t, s, fleet.Changes{Actions: []fleet.Action{a}})
	}
	write(t, s, fleet.Changes{Runs: []fleet.Run{run(1)}, Runners: []fleet.Runner{runner("f-1-1")}}) // no part of the list
	mustActions(t, s, time.Time{}, 9, all...)
	mustActions(t, s, time.Time{}, 2, all[:2]...)
	mustActions(t, s, now.Add(2*time.Second), 9, all[:2]...)
	mustActions(t, s, now.Add(2*time.Second), 1, all[0])
	mustActions(t, s, now.Add(time.Hour), 9)
}

func actionWithChange(t *testing.T, s Store) {
	a := actionAt("a", 0)
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runner("f-1-1").Trace(a)}, Actions: []fleet.Action{a}})
	mustActions(t, s, time.Time{}, 9, a)
	got, _, err := s.Runner(t.Context(), "f-1-1")
	must(t, err)
	if diff := cmp.Diff([]fleet.Action{a}, got.Actions); diff != "" {
		t.Errorf("actions of the runner (-want +got):\n%s", diff)
	}
	stale := runner("f-1-1") // at version 0: it is there already
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{stale}, Actions: []fleet.Action{actionAt("b", 1)}}))
	mustActions(t, s, time.Time{}, 9, a)
}

func actionReplaced(t *testing.T, s Store) {
	a := actionAt("a", 0)
	write(t, s, fleet.Changes{Actions: []fleet.Action{a}})
	a.Outcome = "left alone"
	write(t, s, fleet.Changes{Actions: []fleet.Action{a}})
	mustActions(t, s, time.Time{}, 9, a)
}

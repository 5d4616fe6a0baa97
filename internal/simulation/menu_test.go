package simulation

import (
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Every kind of fault strikes in histories, and the menu has no other.
func TestTheMenuHasEveryKind(t *testing.T) {
	for _, kind := range Kinds {
		if kind.Name == statesHistoryEnd {
			continue // an operator does it: people
		}
		if !slices.ContainsFunc(menu, func(e entry) bool { return e.kind == kind.Name }) {
			t.Errorf("no history has a fault %s", kind.Name)
		}
		if kind.Does == "" || kind.Source == "" {
			t.Errorf("fault %s lacks what it does or where that is published", kind.Name)
		}
	}
	for _, e := range menu {
		if !slices.ContainsFunc(Kinds, func(kind kernel.Kind) bool { return kind.Name == e.kind }) {
			t.Errorf("there is no kind of fault %s", e.kind)
		}
	}
}

func TestKindsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range Kinds {
		if seen[kind.Name] {
			t.Errorf("%s is there twice", kind.Name)
		}
		seen[kind.Name] = true
	}
}

// What is drawn can be read back and played.
func TestHistoriesAreScenarios(t *testing.T) {
	for seed := range uint64(500) {
		if err := History(seed + 1).check(); err != nil {
			t.Errorf("seed %d: %v", seed+1, err)
		}
	}
}

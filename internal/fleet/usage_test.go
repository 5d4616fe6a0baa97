package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestUsageAddsUpWithinAnHour(t *testing.T) {
	one := func(remaining int, asked, putOff map[string]int) (u fleet.GitHubUsage) {
		u = fleet.GitHubUsage{Asked: asked, PutOff: putOff, Unchanged: 2}
		u.Know(budget(remaining))
		return u
	}
	at := reset.Add(-30 * time.Minute)
	u := fleet.GitHubUsage{}.Add(one(4000, map[string]int{"jobs": 3, "registrations": 0}, nil), at)
	u = u.Add(one(3990, map[string]int{"jobs": 1, "deliveries": 2}, map[string]int{"jobs": 7}), at.Add(time.Minute))
	want := fleet.GitHubUsage{
		Since: reset.Add(-time.Hour), At: at.Add(time.Minute), Budgets: []fleet.Budget{budget(3990)}, Unchanged: 4,
		Asked: map[string]int{"jobs": 4, "deliveries": 2}, PutOff: map[string]int{"jobs": 7}, Last: map[string]int{"jobs": 7},
	}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	if n, known := u.Others(); n != 1010-6 || !known {
		t.Errorf("others asked %d times, %t", n, known)
	}

	next := budget(4999)
	next.Reset = reset.Add(time.Hour)
	u = u.Add(fleet.GitHubUsage{Budgets: []fleet.Budget{next}, Asked: map[string]int{"jobs": 1}}, reset.Add(time.Minute))
	want = fleet.GitHubUsage{Since: reset, At: reset.Add(time.Minute), Budgets: []fleet.Budget{next}, Asked: map[string]int{"jobs": 1}, PutOff: map[string]int{}}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
}

func TestUsageWithoutALimit(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	u := fleet.GitHubUsage{Asked: map[string]int{"jobs": 3}}
	u.Know(fleet.Budget{Credential: "c"})
	u = fleet.GitHubUsage{}.Add(u, at)
	if _, known := u.Others(); known || !u.Since.Equal(at.Truncate(time.Hour)) || len(u.Budgets) != 0 {
		t.Errorf("%+v", u)
	}
}

func TestUsageKnowsOneBudgetOfEachCredential(t *testing.T) {
	other := budget(7)
	other.Credential = "d"
	var u fleet.GitHubUsage
	for _, b := range []fleet.Budget{budget(20), other, budget(10)} {
		u.Know(b)
	}
	if diff := cmp.Diff([]fleet.Budget{budget(10), other}, u.Budgets); diff != "" {
		t.Error(diff)
	}
	if _, known := u.Others(); known {
		t.Error("the requests of others are known although there are two credentials")
	}
}

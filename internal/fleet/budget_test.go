package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var reset = time.Date(2026, 3, 4, 6, 0, 0, 0, time.UTC)

func budget(remaining int) fleet.Budget {
	return fleet.Budget{Credential: "c", Resource: "core", Limit: 5000, Remaining: remaining, Reset: reset}
}

func TestBudgetLeft(t *testing.T) {
	limited := budget(4000)
	limited.Until = reset.Add(-10 * time.Minute)
	for name, c := range map[string]struct {
		budget fleet.Budget
		at     time.Duration // after the reset
		want   int
	}{
		"within the hour":                   {budget(70), -time.Second, 70},
		"after the reset":                   {budget(70), 0, 5000},
		"GitHub wants to be left alone":     {limited, -11 * time.Minute, 0},
		"it may be asked again":             {limited, -10 * time.Minute, 4000},
		"a credential that has not asked":   {fleet.Budget{}, 0, 0},
		"a credential used up an hour ago":  {budget(0), time.Hour, 5000},
		"a credential that is used up now":  {budget(0), -time.Minute, 0},
		"the last one of the hour is given": {budget(1), -time.Minute, 1},
	} {
		if got := c.budget.Left(reset.Add(c.at)); got != c.want {
			t.Errorf("%s: %d are left, want %d", name, got, c.want)
		}
	}
}

func TestBudgetMerge(t *testing.T) {
	next := budget(4999)
	next.Reset = reset.Add(time.Hour)
	limited := budget(4000)
	limited.Until = reset
	nextLimited := next
	nextLimited.Until = reset
	for name, c := range map[string]struct{ a, b, want fleet.Budget }{
		"fewer are left":                {budget(10), budget(9), budget(9)},
		"a new hour":                    {budget(10), next, next},
		"nothing was known":             {fleet.Budget{}, budget(10), budget(10)},
		"the limit of a minute is kept": {limited, next, nextLimited},
	} {
		if got := c.a.Merge(c.b); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if got := c.b.Merge(c.a); got != c.want {
			t.Errorf("%s, the other way round: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestBudgetWorthSharing(t *testing.T) {
	next, limited := budget(5000), budget(4000)
	next.Reset = reset.Add(time.Hour)
	limited.Until = reset
	for name, c := range map[string]struct {
		was, is fleet.Budget
		want    bool
	}{
		"the first answer":      {fleet.Budget{}, budget(5000), true},
		"the same":              {budget(4000), budget(4000), false},
		"less than a hundredth": {budget(4000), budget(3951), false},
		"a hundredth":           {budget(4000), budget(3950), true},
		"a new hour":            {budget(4000), next, true},
		"a limit was met":       {budget(4000), limited, true},
		"the last one":          {budget(1), budget(0), true},
		"none, as before":       {budget(0), budget(0), false},
	} {
		if got := c.is.WorthSharing(c.was); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestBudgetReserve(t *testing.T) {
	for name, c := range map[string]struct{ unregistered, registered, want int }{
		"no runner: one launch":      {0, 0, 3},
		"runners that will claim":    {10, 0, 33},
		"runners that have claimed":  {0, 10, 23},
		"more than there ever is":    {2000, 0, 4000},
		"more than there ever is, b": {0, 3000, 4000},
	} {
		if got := budget(5000).Reserve(c.unregistered, c.registered); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// The sweep spends in equal parts until the reset, and never the reserve.
func TestBudgetAllowance(t *testing.T) {
	for name, c := range map[string]struct {
		budget  fleet.Budget
		before  time.Duration
		reserve int
		want    int
	}{
		"at the beginning of an hour":   {budget(5000), 59*time.Minute + 30*time.Second, 100, 42},
		"in its last minute":            {budget(3000), 30 * time.Second, 100, 500},
		"after the reset":               {budget(0), -time.Minute, 100, 42},
		"half of it is gone":            {budget(2500), 30 * time.Minute, 100, 0},
		"the reserve is more than half": {budget(4000), 39*time.Minute + time.Second, 3600, 10},
		"the reserve is not reached":    {budget(3600), 30 * time.Minute, 3600, 0},
	} {
		if got, limited := c.budget.Allowance(reset.Add(-c.before), c.reserve); got != c.want || !limited {
			t.Errorf("%s: %d, %t; want %d", name, got, limited, c.want)
		}
	}
	if _, limited := (fleet.Budget{}).Allowance(reset, 100); limited {
		t.Error("a server without limits has one")
	}
}

package fleet

import (
	"encoding/json"
	"slices"
	"time"
)

// BuildsOfDay are the builds that jobs of one repository, or those that one rule admits,
// have started on a day (UTC), of images that they name by image: labels.
type BuildsOfDay struct {
	Day    string   `json:"day"`
	Owners []string `json:"owners"` // the owners of their locks
}

// BuildsOfDayCursor is the cursor that keeps the builds of a repository.
func BuildsOfDayCursor(repository string) string {
	return "on_demand_builds/" + RepositoryKey(repository)
}

// BuildsOfRuleCursor is the cursor that keeps the builds of a rule of the policy.
func BuildsOfRuleCursor(rule string) string { return "on_demand_builds_of_rule/" + rule }

// ReadBuildsOfDay reads what a cursor keeps. A cursor that cannot be read counts
// nothing.
func ReadBuildsOfDay(cursor string) (b BuildsOfDay) {
	if json.Unmarshal([]byte(cursor), &b) != nil {
		return BuildsOfDay{}
	}
	return b
}

// Start counts a build. A build of the same owner is the same build. ok is false if there
// have been as many as there may be on the day.
func (b BuildsOfDay) Start(owner string, most int, now time.Time) (_ BuildsOfDay, ok bool) {
	if day := now.UTC().Format(time.DateOnly); b.Day != day {
		b = BuildsOfDay{Day: day}
	}
	switch {
	case slices.Contains(b.Owners, owner):
		return b, true
	case len(b.Owners) >= most:
		return b, false
	}
	b.Owners = append(slices.Clone(b.Owners), owner)
	return b, true
}

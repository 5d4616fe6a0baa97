package fleet

import (
	"maps"
	"slices"
	"time"
)

// GitHubUsageCursor keeps what the sweep knows of the requests to GitHub, as GitHubUsage
// in JSON.
const GitHubUsageCursor = "github_usage"

// GitHubUsage is what is left of GitHub's limits, and how many requests the sweep has
// made in the present hour of GitHub's count: that of the first credential, if there are
// several.
type GitHubUsage struct {
	Since     time.Time      `json:"since"` // when the hour began
	At        time.Time      `json:"at"`    // of the last sweep
	Budgets   []Budget       `json:"budgets,omitempty"`
	Asked     map[string]int `json:"asked,omitempty"`     // by the sweep, by kind, except those with an unchanged answer
	Unchanged int            `json:"unchanged,omitempty"` // pages that had not changed: the limit does not count them
	PutOff    map[string]int `json:"put_off,omitempty"`   // left to a later sweep, by kind
	Last      map[string]int `json:"last,omitempty"`      // of them, by the last sweep
	Failed    string         `json:"failed,omitempty"`    // what the last sweep could not do, "" if nothing
	// present names of configured repositories that were renamed, by the keys of their old ones
	Renamed map[string]string `json:"renamed,omitempty"`
}

// Know records what is left for a credential.
func (u *GitHubUsage) Know(b Budget) {
	if !b.Known() {
		return
	}
	i := slices.IndexFunc(u.Budgets, func(known Budget) bool { return known.Credential == b.Credential && known.Resource == b.Resource })
	if i < 0 {
		u.Budgets = append(u.Budgets, b)
		return
	}
	u.Budgets[i] = u.Budgets[i].Merge(b)
}

// Add returns the usage with that of one more sweep, which began at a time. A new hour
// resets the counts. The budgets are those that the sweep knew.
func (u GitHubUsage) Add(one GitHubUsage, at time.Time) GitHubUsage {
	if len(one.Budgets) > 0 {
		u.Budgets = one.Budgets
	}
	hour := at.Truncate(time.Hour)
	if len(u.Budgets) > 0 && at.Before(u.Budgets[0].Reset) {
		hour = u.Budgets[0].Reset.Add(-time.Hour)
	}
	if !u.Since.Equal(hour) {
		u = GitHubUsage{Since: hour, Budgets: u.Budgets}
	}
	u.At, u.Last, u.Failed, u.Renamed = at, one.PutOff, one.Failed, one.Renamed
	u.Unchanged += one.Unchanged
	u.Asked, u.PutOff = sum(u.Asked, one.Asked), sum(u.PutOff, one.PutOff)
	return u
}

// Others is how many requests of the hour were not the sweep's: claims, launches, and
// everything else that uses the credential. It returns false if GitHub has no limit, or
// if several limits count.
func (u GitHubUsage) Others() (int, bool) {
	if len(u.Budgets) != 1 {
		return 0, false
	}
	n := u.Budgets[0].Limit - u.Budgets[0].Left(u.At)
	for _, asked := range u.Asked {
		n -= asked
	}
	return max(n, 0), true
}

func sum(a, b map[string]int) map[string]int {
	total := maps.Clone(a)
	if total == nil {
		total = map[string]int{}
	}
	for kind, n := range b {
		if total[kind] += n; total[kind] == 0 {
			delete(total, kind)
		}
	}
	return total
}

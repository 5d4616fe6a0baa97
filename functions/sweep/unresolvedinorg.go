package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// searchCursor keeps the search under way for the jobs of a shared place's runners.
const searchCursor = "organization/search"

// mostSearched is how many repositories a search looks through.
const mostSearched = 100

// search goes through the repositories in which the jobs of unresolved runners may be: a
// runner of an organization or enterprise may have had a job of any of them.
type search struct {
	Began int64    `json:"began"`           // in Unix seconds: it is for runners that had closed by then
	Since int64    `json:"since,omitempty"` // the oldest of them was launched then
	Left  []string `json:"left,omitempty"`  // repositories
}

// unresolvedInOrganization is unresolvedInRepositories for runners of a shared place. After one
// search their jobs are not searched for again.
func (s *sweep) unresolvedInOrganization(ctx context.Context, runners []fleet.Runner) (ended bool, err error) {
	text, err := s.kept(ctx, searchCursor)
	if err != nil {
		return false, err
	}
	var at search
	if json.Unmarshal([]byte(text), &at) != nil {
		at = search{} // none yet
	}
	switch {
	case len(runners) == 0 && text == "":
		return false, nil
	case len(runners) == 0:
		return false, s.Records.PutCursor(ctx, searchCursor, "") // all were found
	case at.Began == 0:
		at = s.beginSearch(runners)
	}
	failed := s.search(ctx, &at)
	if len(at.Left) > 0 {
		return false, errors.Join(failed, s.keep(ctx, searchCursor, at))
	}
	for _, r := range runners {
		if r.At(fleet.StageClosed).Unix() <= at.Began {
			failed = errors.Join(failed, s.settle(ctx, r.RunnerID))
		}
	}
	return true, errors.Join(failed, s.Records.PutCursor(ctx, searchCursor, ""))
}

// beginSearch lists first the repositories that the runners were launched for, and then
// those of which was heard last.
func (s *sweep) beginSearch(runners []fleet.Runner) search {
	at := search{Began: s.now.Unix(), Since: s.now.Unix()}
	add := func(repository string) {
		same := func(other string) bool { return s.key(other) == s.key(repository) }
		if s.Policy.AllowsRepository(repository) && len(at.Left) < mostSearched && !slices.ContainsFunc(at.Left, same) {
			at.Left = append(at.Left, repository)
		}
	}
	for _, r := range runners {
		at.Since = min(at.Since, r.At(fleet.StageLaunched).Unix())
		add(s.nameNow(r.Repository))
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.recent.Of), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.recent.Of[b].last(), s.recent.Of[a].last()), cmp.Compare(a, b))
	}) {
		add(cmp.Or(s.recent.Of[key].Name, key))
	}
	for _, repository := range s.Policy.Repositories {
		add(repository)
	}
	return at
}

// search looks through the repositories that are left, one after the other.
func (s *sweep) search(ctx context.Context, at *search) error {
	var failed []error
	for range at.Left {
		repository := at.Left[0]
		from, err := s.number(ctx, resolvedCursor(repository))
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		reached, err := s.resolveFrom(ctx, repository, time.Unix(at.Since, 0), from)
		if reached != from {
			err = errors.Join(err, s.Records.PutCursor(ctx, resolvedCursor(repository), strconv.FormatInt(reached, 10)))
		}
		if hopeless(err) || err == nil && reached != 0 {
			return errors.Join(append(failed, err)...)
		}
		if !fleet.IsNamed(err, fleet.GitHubNotFound) {
			failed = append(failed, err)
		}
		at.Left = at.Left[1:]
	}
	return errors.Join(failed...)
}

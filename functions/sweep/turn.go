package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// A repository is quiet if nothing of ours is open in it and its webhooks arrive. Quiet
// ones have their turn five a minute, and each at least every ten minutes.
const (
	quietAMinute = 5
	quietAtLeast = 10 * time.Minute
	// tick is the time between two sweeps, less what the schedule may be early.
	tick = 30 * time.Second
)

// turnCursor keeps when each repository had its turn.
const turnCursor = "repositories"

// visit is a repository's last turn.
type visit struct {
	At      int64 `json:"at"`                // in Unix seconds
	Failing bool  `json:"failing,omitempty"` // deliveries to its webhook had failed
}

// takeTurns chooses the repositories that this sweep looks at on GitHub: the busy ones,
// and those of the quiet ones that are due. The one that was seen longest ago comes
// first: otherwise a repository that uses up what a sweep may ask for would leave
// nothing to the others.
func (s *sweep) takeTurns(ctx context.Context) error {
	if s.Policy.WholeOrganization() {
		return s.organizationTurns(ctx)
	}
	s.turn = slices.Clone(s.Policy.Repositories)
	s.visits = map[string]visit{}
	if len(s.turn) < 2 {
		return nil
	}
	quiet := min(time.Duration(len(s.turn)/quietAMinute)*time.Minute, quietAtLeast)
	text, err := s.kept(ctx, turnCursor)
	if err != nil {
		return err
	}
	if json.Unmarshal([]byte(text), &s.visits) != nil {
		s.visits = map[string]visit{} // none yet
	}
	busy, err := s.busy(ctx)
	if err != nil {
		return err
	}
	last := func(repository string) visit { return s.visits[s.key(repository)] }
	s.turn = slices.DeleteFunc(s.turn, func(repository string) bool {
		v := last(repository)
		return quiet > 0 && busy[s.key(repository)] == "" && !v.Failing && s.now.Sub(time.Unix(v.At, 0)) < quiet-tick
	})
	slices.SortStableFunc(s.turn, func(a, b string) int { return cmp.Compare(last(a).At, last(b).At) })
	return nil
}

// busy returns the repositories of open runs and runners, by their keys.
func (s *sweep) busy(ctx context.Context) (map[string]string, error) {
	busy := map[string]string{}
	runs, err := s.Records.OpenRuns(ctx, mostRuns)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		s.noteName(run)
		busy[s.key(run.Job.Repository)] = run.Job.Repository
	}
	if _, _, err := s.openNow(ctx); err != nil {
		return nil, err
	}
	for _, r := range *s.openRunners {
		if r.Repository != "" { // else it idles for an organization
			busy[s.key(r.Repository)] = r.Repository
		}
	}
	return busy, nil
}

// noteFailing records whether deliveries to a repository's webhook fail.
func (s *sweep) noteFailing(repository string, failing bool) {
	v := s.visits[s.key(repository)]
	v.Failing = failing
	s.visits[s.key(repository)] = v
}

// noteTurns records which repositories had their turn: those whose workflow runs were
// listed.
func (s *sweep) noteTurns(ctx context.Context) error {
	if s.Policy.WholeOrganization() {
		return s.noteOrganization(ctx)
	}
	if len(s.Policy.Repositories) < 2 {
		return nil
	}
	for repository := range s.listed {
		v := s.visits[repository]
		v.At = s.now.Unix()
		s.visits[repository] = v
	}
	served := map[string]bool{}
	for _, repository := range s.Policy.Repositories {
		served[s.key(repository)] = true
	}
	maps.DeleteFunc(s.visits, func(repository string, _ visit) bool { return !served[repository] })
	return s.keep(ctx, turnCursor, s.visits)
}

package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A fleet of a whole organization has no list of repositories to go through, and GitHub
// lists no organization's workflow runs. So those repositories are looked at that jobs came
// from or that were pushed to lately, and all others in rounds: see rounds.go.
const (
	// lately is for how long a repository counts as heard of.
	lately = time.Hour
	// latelyEvery is how often one is looked at whose webhooks come. What its lost
	// webhooks leave behind waits for it: GitHub's failed deliveries are requested again
	// each minute, so only an event that GitHub never made does.
	latelyEvery = 20 * time.Minute
	// firstLook is how long after its first job a repository is looked at: of a matrix
	// some webhooks may have come and others not.
	firstLook = 5 * time.Minute
	// pushGrace is how long after a push the jobs are there that it starts.
	pushGrace = time.Minute
	// askPushed is how often GitHub is asked where was pushed, and for the runners of the
	// organization.
	askPushed = 5 * time.Minute
	// mostLately bounds the record of such repositories: of 1,000 it has 200 KB at most, and
	// DynamoDB allows 400.
	mostLately = 1000
)

// latelyCursor keeps the repositories that were heard of or pushed to lately.
const latelyCursor = "organization/lately"

// recent is its content.
type recent struct {
	Pushed     int64            `json:"pushed,omitempty"`     // when GitHub was asked where was pushed
	Registered int64            `json:"registered,omitempty"` // when it was asked for the runners
	Of         map[string]heard `json:"of,omitempty"`         // by the repository's key
}

// heard is what is known of one repository; times are in Unix seconds.
type heard struct {
	Name   string `json:"n,omitempty"` // if it is not the key
	ID     int64  `json:"id,omitempty"`
	Heard  int64  `json:"h,omitempty"` // when it last had an open run or runner
	Pushed int64  `json:"p,omitempty"`
	At     int64  `json:"a,omitempty"` // when its workflow runs were last listed
}

// last is when something was heard of the repository.
func (h heard) last() int64 { return max(h.Heard, h.Pushed) }

// due is how long ago a look at the repository was due, below zero if none is.
func (h heard) due(now int64) int64 {
	switch {
	case h.Heard != 0:
		return now - h.At - seconds(latelyEvery-tick)
	case h.Pushed > h.At: // that may have started a workflow of which nothing was heard
		return now - h.Pushed - seconds(pushGrace)
	}
	return -1
}

// named is the repository under a name.
func (h heard) named(name string) heard {
	if h.Name = name; name == fleet.RepositoryKey(name) {
		h.Name = ""
	}
	return h
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// organizationTurns chooses what a sweep looks at in a whole organization, the longest
// overdue first. The rounds come after it.
func (s *sweep) organizationTurns(ctx context.Context) error {
	s.visits = map[string]visit{}
	text, err := s.kept(ctx, latelyCursor)
	if err != nil {
		return err
	}
	s.recentText = text
	if json.Unmarshal([]byte(text), &s.recent) != nil || s.recent.Of == nil {
		s.recent.Of = map[string]heard{} // none yet
	}
	if s.busyKeys, err = s.busy(ctx); err != nil {
		return err
	}
	now := s.now.Unix()
	for key, name := range s.busyKeys {
		h, known := s.recent.Of[key]
		if !known {
			h.At = now - seconds(latelyEvery-firstLook)
		}
		h.Heard, h.ID = now, cmp.Or(s.idOf[key], h.ID)
		s.recent.Of[key] = h.named(name)
	}
	err = s.pushed(ctx)
	s.forgetOld(now)
	for key, h := range s.recent.Of {
		if h.due(now) >= 0 {
			s.turn = append(s.turn, cmp.Or(h.Name, key))
		}
	}
	due := func(name string) int64 { return s.recent.Of[fleet.RepositoryKey(name)].due(now) }
	slices.SortFunc(s.turn, func(a, b string) int { return cmp.Or(cmp.Compare(due(b), due(a)), cmp.Compare(a, b)) })
	return err
}

// pushed asks where was pushed since the last time.
func (s *sweep) pushed(ctx context.Context) error {
	now, since := s.now.Unix(), s.recent.Pushed
	if now-since < seconds(askPushed-tick) && !s.holds[fleet.CredentialHold()] {
		return nil
	}
	since = max(since, now-seconds(lately)) - seconds(askPushed) // GitHub's list may lag
	_, err := pages(ctx, s, "pushed", func(was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
		page, err := s.GitHub.PushedPage(ctx, s.Policy.Organization, was)
		if n := len(page.Items); n > 0 && page.Items[n-1].PushedAt.Unix() < since {
			page.Next = "" // what follows was pushed to before
		}
		return page, err
	}, s.mayHaveJobs, func(r fleet.ListedRepository) error {
		s.accepted = true
		if at := r.PushedAt.Unix(); at >= since {
			h := s.recent.Of[fleet.RepositoryKey(r.Name)]
			h.ID, h.Pushed = r.ID, max(h.Pushed, at)
			s.recent.Of[fleet.RepositoryKey(r.Name)] = h.named(r.Name)
		}
		return nil
	})
	if err == nil {
		s.recent.Pushed, s.accepted = now, true
	}
	return err
}

// mayHaveJobs reports whether a repository's jobs are not all refused.
func (s *sweep) mayHaveJobs(r fleet.ListedRepository) bool { return r.Private || s.Policy.AllowPublic }

// forgetOld forgets what was not heard of lately, and if that leaves too many, those of
// which was heard the longest ago.
func (s *sweep) forgetOld(now int64) {
	maps.DeleteFunc(s.recent.Of, func(_ string, h heard) bool { return now-h.last() > seconds(lately) })
	if len(s.recent.Of) <= mostLately {
		return
	}
	keys := slices.SortedFunc(maps.Keys(s.recent.Of), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.recent.Of[a].last(), s.recent.Of[b].last()), cmp.Compare(a, b))
	})
	for _, key := range keys[:len(keys)-mostLately] {
		delete(s.recent.Of, key)
	}
}

// noteOrganization records what the sweep has looked at.
func (s *sweep) noteOrganization(ctx context.Context) error {
	for key := range s.listed {
		if h, known := s.recent.Of[key]; known {
			h.At = s.now.Unix()
			s.recent.Of[key] = h
		}
	}
	encoded, err := json.Marshal(s.recent)
	if err != nil || string(encoded) == s.recentText {
		return err
	}
	return s.Records.PutCursor(ctx, latelyCursor, string(encoded))
}

// organizationJobs is jobs for a whole organization.
func (s *sweep) organizationJobs(ctx context.Context) error {
	failed := each(s.turn, func(repository string) error { return s.visible(repository, s.jobsOf(ctx, repository)) })
	if hopeless(failed) {
		return failed
	}
	return errors.Join(failed, s.round(ctx))
}

// visible takes a repository that GitHub does not show to have no jobs: it was deleted,
// transferred, or is not among those that the App was given.
func (s *sweep) visible(repository string, err error) error {
	if !fleet.IsNamed(err, fleet.GitHubNotFound) {
		return err
	}
	delete(s.recent.Of, fleet.RepositoryKey(repository))
	return nil
}

// nameOf is what to call the repository of a job on GitHub: in a whole organization by the
// newest job of the same repository that is open.
func (s *sweep) nameOf(job fleet.Job) string {
	if name := s.nameByID[job.RepositoryID]; name != "" && job.RepositoryID != 0 {
		return name
	}
	return s.nameNow(job.Repository)
}

// noteName learns the present names of repositories from open runs.
func (s *sweep) noteName(run fleet.Run) {
	id, at := run.Job.RepositoryID, run.At(fleet.StageReceived)
	if id == 0 || !s.Policy.WholeOrganization() || at.Before(s.namedAt[id]) {
		return
	}
	s.nameByID[id], s.namedAt[id] = run.Job.Repository, at
	s.idOf[s.key(run.Job.Repository)] = id
}

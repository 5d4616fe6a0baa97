package simgithub

import (
	"fmt"
	"strings"
	"time"
)

// repository is one repository: its workflow runs, its queue and its runners. It
// shares nothing with other repositories.
type repository struct {
	id, ownerID int64
	name        string // owner/name
	private     bool
	fork        bool
	maxParallel int
	created     time.Time
	hook        hook

	runs      []*run // oldest first
	active    []*run // those that are not completed, oldest first
	completed int    // how many are
	queue     []*job // those that a runner may have, oldest first
	runners   []*runner
	gone      []*runner // for lists that lag
	recent    []time.Time
	looking   bool // a look at the queue is due

	pushed         time.Time
	organization   *repository   // whose runners may get its jobs, nil if there is none
	isOrganization bool          // it is one
	members        []*repository // of an organization
	groups         []*runnerGroup
}

func (g *GitHub) addRepository(r Repository) {
	if _, known := g.byName[strings.ToLower(r.Name)]; known || strings.Count(r.Name, "/") != 1 {
		panic(fmt.Sprintf("simgithub: %q is not a repository, or one that was given before", r.Name))
	}
	repo := &repository{
		id: g.newID(), ownerID: g.newID(), name: r.Name, private: r.Private, fork: r.Fork, maxParallel: r.MaxParallel,
		created: g.k.Now(), pushed: g.k.Now().AddDate(0, 0, -1), hook: hook{id: g.newID()},
		groups: onlyGroup,
	}
	g.repositories = append(g.repositories, repo)
	g.byName[strings.ToLower(r.Name)] = repo
	g.byID[repo.id] = repo
}

// repository panics if there is none of that name: a scenario has a typo.
func (g *GitHub) repository(name string) *repository {
	repo := g.byName[strings.ToLower(name)]
	if repo == nil {
		panic(fmt.Sprintf("simgithub: there is no repository %q", name))
	}
	return repo
}

// Rename gives a repository another name. Its id stays, requests by the old name are
// redirected, and webhooks carry the new one.
// https://docs.github.com/repositories/creating-and-managing-repositories/renaming-a-repository
func (g *GitHub) Rename(from, to string) {
	repo := g.repository(from)
	repo.name = to
	g.byName[strings.ToLower(to)] = repo
	g.k.Log("repository %s is renamed to %s", from, to)
}

// HookID returns the id of a repository's webhook.
func (g *GitHub) HookID(repository string) int64 { return g.repository(repository).hook.id }

package simgithub

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// offlineLimit is after what time without a connection an ephemeral runner is removed.
// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/remove-runners: 1 day
const offlineLimit = 24 * time.Hour

// Registration is a runner as it truly is.
type Registration struct {
	ID         int64
	Repository string // its name now
	Name       string
	Labels     []string
	Online     bool
	Busy       bool // it has a job, accepted or not
	Foreign    bool // not made by generate-jitconfig
	JobID      int64
	CreatedAt  time.Time
}

// Registrations returns the runners that are registered, oldest first within each
// repository.
func (g *GitHub) Registrations() []Registration {
	var all []Registration
	for _, repo := range slices.Concat(g.repositories, g.organizations) {
		for _, r := range repo.runners {
			one := Registration{
				ID: r.id, Repository: repo.name, Name: r.name, Labels: r.labels, Online: r.online, Busy: r.busy(),
				Foreign: r.foreign, CreatedAt: r.created,
			}
			if j := r.has(); j != nil {
				one.JobID = j.id
			}
			all = append(all, one)
		}
	}
	return all
}

// runner is a registration. Those made by generate-jitconfig are for one job.
type runner struct {
	id      int64
	repo    *repository
	group   *runnerGroup
	name    string
	labels  []string
	lower   []string
	labelID int64 // of the first label
	created time.Time
	config  string
	foreign bool
	stays   bool // a foreign runner that takes job after job

	online  bool
	used    bool // its JIT config
	gone    bool
	on      Events
	session *Session
	offered *job // not accepted yet
	told    *job // the offer that its session knows of
	job     *job // accepted
	past    []runnerState
	expiry  *kernel.Timer
}

// runnerState is what a runner has shown since a time.
type runnerState struct {
	since              time.Time
	online, busy, gone bool
	used               bool
}

// has returns the job that a runner was assigned, accepted or not.
func (r *runner) has() *job {
	if r.job != nil {
		return r.job
	}
	return r.offered
}

func (r *runner) busy() bool { return r.has() != nil }

func (g *GitHub) showRunner(r *runner) {
	r.past = append(r.past, runnerState{since: g.k.Now(), online: r.online, busy: r.busy(), gone: r.gone, used: r.used})
}

func (g *GitHub) register(repo *repository, name string, labels []string) *runner {
	r := &runner{id: g.newID(), repo: repo, group: repo.groups[0], name: name, labels: slices.Clone(labels), created: g.k.Now()}
	for _, l := range labels {
		r.lower = append(r.lower, strings.ToLower(l))
	}
	r.labelID = g.lastID + 1
	g.lastID += int64(len(labels))
	repo.runners = append(repo.runners, r)
	g.showRunner(r)
	g.k.Log("runner %s is registered in %s, labels %q", name, repo.name, labels)
	return r
}

// expireLater removes a runner that stays offline for a day.
func (g *GitHub) expireLater(r *runner) {
	stop(r.expiry)
	r.expiry = g.k.After(offlineLimit, func() {
		if !r.gone && !r.online && !r.busy() {
			g.k.Log("runner %s was offline for a day: GitHub removes it", r.name)
			g.remove(r)
		}
	})
}

// remove deletes a registration. Its session, if there is one, learns of it.
func (g *GitHub) remove(r *runner) {
	if r.gone {
		return
	}
	g.tell(r, func(on Events) {
		if on.Deleted != nil {
			on.Deleted()
		}
	})
	r.gone, r.online, r.session = true, false, nil
	stop(r.expiry)
	g.showRunner(r)
	repo := r.repo
	repo.runners = slices.DeleteFunc(repo.runners, func(other *runner) bool { return other == r })
	for len(repo.gone) > 0 && g.k.Now().Sub(repo.gone[0].past[len(repo.gone[0].past)-1].since) > longestLag {
		repo.gone = repo.gone[1:]
	}
	repo.gone = append(repo.gone, r)
	delete(g.configs, r.config)
	r.config = ""
	g.k.Log("runner %s is no longer registered", r.name)
}

// release ends what a runner did. One for one job is deleted with it.
// https://docs.github.com/actions/reference/runners/self-hosted-runners#ephemeral-runners-for-autoscaling
func (g *GitHub) release(r *runner) {
	if r.job != nil {
		r.job.runner = nil
		r.job = nil
	}
	if !r.stays {
		g.remove(r)
		return
	}
	g.showRunner(r)
	g.look(r.repo)
}

// tell lets a runner's session learn something, a moment from now and as the world.
func (g *GitHub) tell(r *runner, what func(Events)) {
	s := r.session
	if s == nil {
		return
	}
	g.k.After(g.k.Between("github.message", 20*time.Millisecond, 500*time.Millisecond), func() {
		if !s.closed {
			what(r.on)
		}
	})
}

// AddForeignRunner registers a foreign runner that stays: online, with those labels, and
// eager for any job that fits them.
func (g *GitHub) AddForeignRunner(repository string, labels []string) {
	repo := g.repository(repository)
	r := g.foreignRunner(repo, labels)
	r.stays = true
	g.look(repo)
}

func (g *GitHub) foreignRunner(repo *repository, labels []string) *runner {
	r := g.register(repo, "foreign-"+strconv.FormatInt(g.lastID-firstID, 10), labels)
	r.foreign, r.online, r.used = true, true, true
	g.showRunner(r)
	return r
}

// CopyNames registers, from now on, a foreign runner in one repository for each runner
// that is registered in the other: online, with its name and its labels, for one job.
// Names are unique within a repository only.
func (g *GitHub) CopyNames(to, from string) {
	g.copies[g.repository(from)] = g.repository(to)
}

func (g *GitHub) copyName(of *runner) {
	to := g.copies[of.repo]
	if to == nil || to == of.repo {
		return
	}
	r := g.register(to, of.name, of.labels)
	r.foreign, r.online, r.used = true, true, true
	g.showRunner(r)
	g.look(to)
}

// runForeign lets a foreign runner do the job that it was offered.
func (g *GitHub) runForeign(j *job, r *runner) {
	g.k.After(g.k.Between("github.foreign", 100*time.Millisecond, 3*time.Second), func() {
		if r.offered != j {
			return
		}
		g.accept(r, j)
		g.k.After(j.spec.Takes, func() {
			if r.job == j {
				g.end(r, success)
			}
		})
	})
}

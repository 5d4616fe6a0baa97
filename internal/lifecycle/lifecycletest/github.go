package lifecycletest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Runner is a runner as GitHub has it. Working is the truth, and may contradict
// Busy, which is only what the API says.
type Runner struct {
	fleet.Registration
	Labels  []string
	Place   string // where it is registered; "" is wherever it is looked for
	Working bool
}

// in reports whether the runner is found in a place.
func (r *Runner) in(place string) bool { return r.Place == "" || fleet.SameRepository(r.Place, place) }

// GitHub is GitHub's API. Fails and Loses script errors by method name: a call that
// Fails has no effect; of a call that Loses only the answer is lost.
type GitHub struct {
	w       *World
	jobs    map[int64]fleet.Job
	runners map[string]*Runner
	lastID  int64

	Fails map[string]error
	Loses map[string]error
	Calls []string

	Unlisted    map[int64]bool // jobs of workflow runs that have ended
	HookID      int64          // of the webhook
	Listed      []fleet.ListedRepository
	Delivered   []fleet.Delivery // the webhook's deliveries, the oldest first
	Redelivered []int64          // the deliveries that were requested again
	Hooked      []fleet.Hook     // the webhooks of the repository
	Origin      fleet.Origin     // of the jobs of all workflow runs
	Visibility  string           // of the repository, as workflow runs tell it
	Private     bool             // the repository, as workflow runs tell it
	Over        map[int64]string // conclusions of the workflow runs that are over
	Latest      fleet.RunnerRelease
	Left        fleet.Budget // what is left of the credential's limit; zero means no limit
	Costs       bool         // requests take one of Left, except for unchanged pages
	Unchanged   int          // pages that had not changed

	Refusals []fleet.Refusal // that were shown
	Checks   bool            // they are shown as check runs
	Reruns   []int64         // workflow runs whose failed jobs were run again
	Attempts map[int64]int   // of workflow runs; 1 if it is zero
}

// Limited is a rate limit with the wait that GitHub asks for.
type Limited time.Duration

func (l Limited) Error() string       { return "GitHub limits our rate" }
func (l Limited) ErrorName() string   { return fleet.GitHubRateLimited }
func (l Limited) Wait() time.Duration { return time.Duration(l) }

// Set sets a job as GitHub has it now.
func (g *GitHub) Set(job fleet.Job) { g.jobs[job.JobID] = job }

// Runner returns the runner with a name, nil if there is none.
func (g *GitHub) Runner(name string) *Runner { return g.runners[name] }

// Names returns the names of all runners, sorted.
func (g *GitHub) Names() (names []string) {
	for name := range g.runners {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Remove removes a runner as GitHub does after its job.
func (g *GitHub) Remove(name string) { delete(g.runners, name) }

func (g *GitHub) call(method string, effect func() error) error {
	return g.w.point("GitHub."+method, func() error {
		g.Calls = append(g.Calls, method)
		if g.Costs {
			g.Left.Remaining--
		}
		if err := g.Fails[method]; err != nil {
			return err
		}
		if err := effect(); err != nil {
			return err
		}
		return g.Loses[method]
	})
}

// Job reads a job.
func (g *GitHub) Job(_ context.Context, repository string, id int64) (job fleet.Job, err error) {
	err = g.call("Job", func() error {
		var ok bool
		if job, ok = g.jobs[id]; !ok || !fleet.SameRepository(job.Repository, repository) {
			return fleet.Errorf(fleet.GitHubNotFound, "GitHub has no job %d", id)
		}
		return nil
	})
	return job, err
}

// Registration finds a runner by its name.
func (g *GitHub) Registration(_ context.Context, place, name string) (reg fleet.Registration, ok bool, err error) {
	err = g.call("Registration", func() error {
		if r := g.runners[name]; r != nil && r.in(place) {
			reg, ok = r.Registration, true
		}
		return nil
	})
	return reg, ok, err
}

// Delete removes a runner, unless it works.
func (g *GitHub) Delete(_ context.Context, place string, id int64) error {
	return g.call("Delete", func() error {
		for name, r := range g.runners {
			if r.ID != id || !r.in(place) {
				continue
			}
			if r.Working {
				return fleet.Errorf(fleet.GitHubRunnerBusy, "runner %s is still running a job", name)
			}
			delete(g.runners, name)
			return nil
		}
		return fleet.Errorf(fleet.GitHubNotFound, "GitHub has no runner %d", id)
	})
}

// Register makes a runner. A name that is taken is a conflict.
func (g *GitHub) Register(_ context.Context, place, name string, labels []string) (reg fleet.Registration, config string, err error) {
	err = g.call("Register", func() error {
		if g.runners[name] != nil {
			return fleet.Errorf(fleet.GitHubConflict, "a runner with the name %s already exists", name)
		}
		g.lastID++
		reg = fleet.Registration{ID: g.lastID, Name: name}
		g.runners[name] = &Runner{Registration: reg, Labels: labels, Place: place}
		return nil
	})
	if err != nil {
		return fleet.Registration{}, "", err
	}
	return reg, "config of " + name, nil
}

// Has returns the job as GitHub has it.
func (g *GitHub) Has(id int64) fleet.Job { return g.jobs[id] }

// Gone makes GitHub not know a job.
func (g *GitHub) Gone(id int64) { delete(g.jobs, id) }

// WorkflowRuns lists workflow runs that have not ended as in_progress, and those whose
// jobs are Unlisted as completed.
func (g *GitHub) WorkflowRuns(_ context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	method := "WorkflowRuns"
	if status == fleet.JobCompleted {
		method = "EndedRuns"
	}
	return page(g, method, was, func() (runs []fleet.WorkflowRun) {
		if status == "" {
			status = fleet.JobInProgress
		}
		if status != fleet.JobInProgress && status != fleet.JobCompleted {
			return nil
		}
		seen := map[int64]bool{}
		for _, job := range g.jobsOf(repository, status == fleet.JobCompleted) {
			if !seen[job.WorkflowRunID] {
				seen[job.WorkflowRunID] = true
				runs = append(runs, fleet.WorkflowRun{ID: job.WorkflowRunID, Status: status})
			}
		}
		slices.SortFunc(runs, func(a, b fleet.WorkflowRun) int { return cmp.Compare(b.ID, a.ID) })
		return runs
	})
}

// JobsOf lists the jobs of a workflow run.
func (g *GitHub) JobsOf(_ context.Context, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
	return page(g, "JobsOf", was, func() []fleet.Job {
		return slices.DeleteFunc(g.jobsOf(repository, run.Status == fleet.JobCompleted), func(job fleet.Job) bool {
			return job.WorkflowRunID != run.ID || max(job.RunAttempt, 1) != g.attempt(run.ID)
		})
	})
}

// jobsOf returns the jobs of workflow runs that have not ended, or of those that have.
func (g *GitHub) jobsOf(repository string, ended bool) (jobs []fleet.Job) {
	for _, id := range slices.Sorted(maps.Keys(g.jobs)) {
		if job := g.jobs[id]; g.Unlisted[id] == ended && (!ended || job.Status == fleet.JobCompleted) && fleet.SameRepository(job.Repository, repository) {
			jobs = append(jobs, job)
		}
	}
	return jobs
}

// Budget returns what is left: Left, or no limit.
func (g *GitHub) Budget(context.Context, string, time.Time) (fleet.Budget, error) { return g.Left, nil }

// RegistrationsPage lists all runners of a repository.
func (g *GitHub) RegistrationsPage(_ context.Context, _ string, was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error) {
	return page(g, "Registrations", was, func() (regs []fleet.Registration) {
		for _, name := range g.Names() {
			regs = append(regs, g.runners[name].Registration)
		}
		return regs
	})
}

// RepositoriesPage lists Listed, a hundred a page.
func (g *GitHub) RepositoriesPage(_ context.Context, _ string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	from, _ := strconv.Atoi(was.Path)
	until := min(from+100, len(g.Listed))
	now, err := page(g, "Repositories", was, func() []fleet.ListedRepository { return g.Listed[from:until] })
	if now.Path = was.Path; until < len(g.Listed) {
		now.Next = strconv.Itoa(until)
	}
	return now, err
}

// PushedPage lists Listed by the last pushes.
func (g *GitHub) PushedPage(_ context.Context, _ string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	return page(g, "Pushed", was, func() []fleet.ListedRepository {
		return slices.SortedFunc(slices.Values(g.Listed), func(a, b fleet.ListedRepository) int { return b.PushedAt.Compare(a.PushedAt) })
	})
}

// Registrations yields all runners, whatever the repository.
func (g *GitHub) Registrations(context.Context, string) iter.Seq2[fleet.Registration, error] {
	return list(g, "Registrations", func() (regs []fleet.Registration, _ error) {
		for _, name := range g.Names() {
			regs = append(regs, g.runners[name].Registration)
		}
		return regs, nil
	})
}

// Hooks yields the webhooks of a repository.
func (g *GitHub) Hooks(context.Context, string) iter.Seq2[fleet.Hook, error] {
	return list(g, "Hooks", func() ([]fleet.Hook, error) { return g.Hooked, nil })
}

// DeliveriesPage lists what the webhook delivered, the newest first.
func (g *GitHub) DeliveriesPage(_ context.Context, _ string, hookID int64, was fleet.Page[fleet.Delivery]) (fleet.Page[fleet.Delivery], error) {
	if hookID != g.HookID {
		return fleet.Page[fleet.Delivery]{}, fleet.Errorf(fleet.GitHubNotFound, "GitHub has no webhook %d", hookID)
	}
	return page(g, "Deliveries", was, func() []fleet.Delivery {
		newest := slices.Clone(g.Delivered)
		slices.Reverse(newest)
		return newest
	})
}

// Redeliver requests one more attempt.
func (g *GitHub) Redeliver(_ context.Context, _ string, _, deliveryID int64) error {
	return g.call("Redeliver", func() error {
		g.Redelivered = append(g.Redelivered, deliveryID)
		return nil
	})
}

// page is one call that returns a list of one page, or says that the page is unchanged.
func page[T any](g *GitHub, method string, was fleet.Page[T], find func() []T) (now fleet.Page[T], err error) {
	err = g.call(method, func() error {
		now = fleet.Page[T]{Credential: "token", Items: find()}
		encoded, err := json.Marshal(now.Items)
		if err != nil {
			return err
		}
		now.ETag = fmt.Sprintf("%x", crc32.ChecksumIEEE(encoded))
		if now.ETag == was.ETag && now.Credential == was.Credential {
			now, now.Unchanged = was, true
			g.Unchanged++
			if g.Costs {
				g.Left.Remaining++
			}
		}
		return nil
	})
	return now, err
}

// list is one call that yields what it finds.
func list[T any](g *GitHub, method string, find func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var found []T
		err := g.call(method, func() (err error) {
			found, err = find()
			return err
		})
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, one := range found {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// LatestRunner is the latest release of the runner.
func (g *GitHub) LatestRunner(context.Context, string) (release fleet.RunnerRelease, err error) {
	err = g.call("LatestRunner", func() error {
		release = g.Latest
		return nil
	})
	return release, err
}

// CanIdle lets runners idle everywhere.
func (g *GitHub) CanIdle(context.Context, string) error {
	return g.call("CanIdle", func() error { return nil })
}

// WorkflowRun reads the state of a workflow run.
func (g *GitHub) WorkflowRun(_ context.Context, _ string, id int64) (w fleet.WorkflowRun, err error) {
	err = g.call("WorkflowRun", func() error {
		if w = (fleet.WorkflowRun{ID: id, Attempt: g.attempt(id), Status: fleet.JobInProgress}); g.Over[id] != "" {
			w.Status, w.Conclusion = fleet.JobCompleted, g.Over[id]
		}
		w.Origin, w.Visibility, w.Private = g.Origin, g.Visibility, g.Private
		return nil
	})
	return w, err
}

// ShowRefusal shows a refusal.
func (g *GitHub) ShowRefusal(_ context.Context, r fleet.Refusal) (as string, err error) {
	err = g.call("ShowRefusal", func() error {
		g.Refusals = append(g.Refusals, r)
		return nil
	})
	if g.Checks && !r.StatusOnly {
		return fleet.AsCheckRun, err
	}
	return fleet.AsStatus, err
}

func (g *GitHub) attempt(workflowRun int64) int { return max(g.Attempts[workflowRun], 1) }

// RerunFailedJobs makes the jobs of a workflow run again that did not end well, with ids
// that are 1000 higher. Like GitHub, it refuses one that goes on.
func (g *GitHub) RerunFailedJobs(_ context.Context, _ string, workflowRun int64) error {
	return g.call("RerunFailedJobs", func() error {
		if g.Over[workflowRun] == "" {
			return fleet.Errorf(fleet.GitHubNoAccess, "403: this workflow is already running")
		}
		g.Rerun(workflowRun)
		g.Reruns = append(g.Reruns, workflowRun)
		return nil
	})
}

// Rerun is RerunFailedJobs by a person.
func (g *GitHub) Rerun(workflowRun int64) {
	was := g.attempt(workflowRun)
	for id, job := range maps.Clone(g.jobs) {
		if job.WorkflowRunID == workflowRun && max(job.RunAttempt, 1) == was && !fleet.EndedWell(job.Conclusion) {
			job.JobID, job.RunAttempt, job.Status, job.Conclusion = id+1000, was+1, fleet.JobQueued, ""
			job.RunnerID, job.RunnerName, job.StartedAt, job.CompletedAt = 0, "", nil, nil
			g.Set(job)
		}
	}
	g.Attempts[workflowRun] = was + 1
	delete(g.Over, workflowRun)
}

// End ends a workflow run whose jobs have ended.
func (g *GitHub) End(workflowRun int64, conclusion string) {
	for id, job := range g.jobs {
		if job.WorkflowRunID == workflowRun && job.Status == fleet.JobCompleted {
			g.Unlisted[id] = true
		}
	}
	g.Over[workflowRun] = conclusion
}

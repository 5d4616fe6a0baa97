package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// drained is the reason of every end that a drain causes.
const drained = fleet.DrainedByOperator

// How long a drain waits, and between two looks.
const (
	lookEvery = 5 * time.Second
	// settle is how long something that was asked to end may take by itself: ECS kills
	// a container two minutes after its stop signal.
	settle = 4 * time.Minute
	// follow is how long something may take that ends after something else.
	follow = time.Minute
	// oneCall is the rate of changes to task definitions that ECS accepts from an
	// account for a long time.
	oneCall = time.Second
	// atOnce is the most task definitions that one call deletes.
	atOnce = 10
)

// Hook is a webhook on GitHub that delivers to the fleet, and the command that
// removes it.
type Hook struct {
	Repository string `json:"repository"`        // or organization
	HookID     int64  `json:"hook_id,omitempty"` // 0 if the credential may not list webhooks: Command finds it then
	Command    string `json:"command"`
}

// Problem is something that a drain could not do.
type Problem struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

// DrainResult says what a drain did, in counts, and what it left.
type DrainResult struct {
	FleetName     string    `json:"fleet_name"`
	Already       bool      `json:"already"`       // there was nothing to do
	Waiting       int       `json:"waiting"`       // runs that stay queued, as their jobs do on GitHub; 1000 at most
	RunnersEnded  int       `json:"runners_ended"` // that had no job
	JobsStopped   int       `json:"jobs_stopped"`  // that runners had
	Builds        int       `json:"builds"`        // stopped
	Executions    int       `json:"executions"`    // stopped since they did not end by themselves
	Tasks         int       `json:"tasks"`         // stopped that belonged to no open runner
	Registrations int       `json:"registrations"` // deleted on GitHub
	Deregistered  int       `json:"deregistered"`  // task definitions
	Deleted       int       `json:"deleted"`       // task definitions
	Hooks         []Hook    `json:"hooks"`         // to be removed by hand
	Problems      []Problem `json:"problems"`      // empty if nothing is left
}

// Complete reports whether nothing of the fleet is left but its records and hooks.
func (r DrainResult) Complete() bool { return len(r.Problems) == 0 }

// Drain pauses the fleet and removes everything that it made: runners, builds,
// executions, tasks, registrations and task definitions. Runners that have a job may
// finish it, however long that takes, unless now is set: then they are stopped, and
// GitHub shows their jobs as cancelled or failed. Runs that wait stay as they are.
// progress gets one line of text per action.
//
// The result lists what could not be done, with the reason; everything else is done all
// the same. An error means that the drain was cut short: the context ended, or nothing
// could be done at all. The fleet then stays paused; another Drain continues, and
// Resume undoes the pause.
func (o Operator) Drain(ctx context.Context, now bool, by fleet.Operator, progress func(line string)) (DrainResult, error) {
	command := fleet.CommandDrain
	if now {
		command = fleet.CommandDrainNow
	}
	d := &drain{Operator: o, now: now, by: o.act(by, command), progress: progress, told: map[string]bool{}, res: DrainResult{FleetName: o.Fleet.Name, Hooks: []Hook{}, Problems: []Problem{}}}
	err := d.run(ctx)
	return d.res, err
}

// drain is one drain under way.
type drain struct {
	Operator
	now      bool
	by       fleet.Action
	progress func(line string)
	res      DrainResult
	acted    bool
	told     map[string]bool // runners, tasks and executions that were asked to end already
}

// errResumed ends a drain if the fleet was resumed meanwhile.
var errResumed = errors.New("the fleet was resumed meanwhile")

func (d *drain) run(ctx context.Context) error {
	was, err := d.Fleet.Pause(ctx, d.by)
	if err != nil {
		return fmt.Errorf("pause fleet %s: %w", d.Fleet.Name, err)
	}
	if !strings.HasPrefix(was.Paused, drained) {
		d.did("paused fleet %s", d.Fleet.Name)
	}
	for _, part := range d.parts() {
		err := part.do(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("drain fleet %s: it stays paused: %w", d.Fleet.Name, ctx.Err())
		case errors.Is(err, errResumed):
			return fmt.Errorf("drain fleet %s: %w", d.Fleet.Name, err)
		case err != nil:
			d.problem(part.what, err)
		}
		if err != nil && part.first && !d.now {
			return nil // what is left may have a job, and everything else belongs to it
		}
	}
	d.res.Already = !d.acted && d.res.Complete()
	return nil
}

// part is one part of a drain.
type part struct {
	what  string
	first bool // the others must wait for it, unless jobs are stopped
	do    func(context.Context) error
}

func (d *drain) parts() []part {
	return []part{
		{"count the runs that wait", false, d.count},
		{"find the webhooks on GitHub", false, d.hooks},
		{"end the runners", true, d.runners},
		{"stop the image builds", false, d.builds},
		{"stop the executions", false, d.executions},
		{"stop the tasks", false, d.tasks},
		{"delete the registrations on GitHub", false, d.registrations},
		{"delete the task definitions", false, d.definitions},
		{"count the runs that wait", false, d.count}, // those of ended runners too
	}
}

func (d *drain) count(ctx context.Context) (err error) {
	d.res.Waiting, err = d.waiting(ctx)
	return err
}

// paused fails if the fleet is paused no longer: what it makes from then on must not be
// removed.
func (d *drain) paused(ctx context.Context) error {
	capacity, err := d.Fleet.Records.Capacity(ctx)
	if err == nil && capacity.Paused == "" {
		return errResumed
	}
	return err
}

// did reports one action.
func (d *drain) did(format string, args ...any) {
	d.acted = true
	d.progress(fmt.Sprintf(format, args...))
}

// problem records what could not be done. A cause that several repositories or tasks
// share is one problem for each of them.
func (d *drain) problem(what string, err error) {
	d.res.Problems = append(d.res.Problems, Problem{What: what, Reason: err.Error()})
	d.progress(fmt.Sprintf("left: %s: %s", what, err))
}

// until looks again and again until nothing is left, the limit is over, the context
// ends or the fleet is paused no longer. A limit of 0 is none. left describes what
// remains; changes are reported as progress.
func (d *drain) until(ctx context.Context, limit time.Duration, look func() (left string, err error)) (left string, err error) {
	began, said := d.Fleet.Now(), ""
	for {
		if err = d.paused(ctx); err == nil {
			left, err = look()
		}
		if left == "" && err == nil || errors.Is(err, errResumed) {
			return "", err
		}
		// A service that does not answer may do so at the next look, but not for ever.
		if over := d.Fleet.Now().Sub(began) >= cmp.Or(limit, settle); over && (limit != 0 || err != nil) {
			return left, err
		}
		if err == nil {
			if limit == 0 {
				began = d.Fleet.Now() // of the next series of failures
			}
			if left != said {
				said = left
				d.progress("waiting: " + left)
			}
		}
		if err := d.Wait(ctx, lookEvery); err != nil {
			return left, err
		}
	}
}

// runners ends the runners that have no job, stops the others if now is set, and waits
// until none is open. Executions that do not follow in time are stopped later.
func (d *drain) runners(ctx context.Context) error {
	limit := time.Duration(0)
	if d.now {
		limit = settle
	}
	left, err := d.until(ctx, limit, func() (string, error) {
		open, err := d.Records.OpenRunners(ctx)
		if err != nil {
			return "", err
		}
		var failed []error
		busy := 0
		for _, r := range open {
			if r.Took != 0 {
				busy++
			}
			failed = append(failed, d.runner(ctx, r))
		}
		if len(open) == 0 {
			return "", nil
		}
		return fmt.Sprintf("%s, %d with a job", count(len(open), "runner"), busy), errors.Join(failed...)
	})
	if left != "" && err == nil {
		d.progress("runners do not end by themselves: going on")
	}
	return err
}

// runner asks one runner to end, once.
func (d *drain) runner(ctx context.Context, r fleet.Runner) error {
	if d.told[r.RunnerID] {
		return nil
	}
	t, err := d.Fleet.Terminate(ctx, r.RunnerID, d.by)
	if err != nil {
		return fmt.Errorf("end runner %s: %w", r.RunnerID, err)
	}
	switch t.Outcome {
	case lifecycle.TerminatedEnding:
		d.told[r.RunnerID] = true
		d.res.RunnersEnded++
		d.did("ended runner %s", r.RunnerID)
	case lifecycle.TerminatedBusy:
		d.told[r.RunnerID] = true // it ends by itself
	case lifecycle.TerminatedStopping:
		d.told[r.RunnerID] = true
		d.res.JobsStopped++
		d.did("stopped runner %s and its job", r.RunnerID)
	}
	return nil
}

// builds stops all builds of the fleet's projects.
func (d *drain) builds(ctx context.Context) error {
	if d.Builds == nil {
		return nil
	}
	told := map[string]bool{}
	left, err := d.until(ctx, settle, func() (string, error) {
		running, err := d.Builds.Running(ctx)
		if err != nil {
			return "", err
		}
		for _, id := range running {
			if told[id] {
				continue
			}
			if err := d.Builds.Stop(ctx, id); err != nil {
				return "", err
			}
			told[id] = true
			d.res.Builds++
			d.did("stopped build %s", id)
		}
		return some(len(running), "build"), nil
	})
	return still(left, err)
}

// executions waits for the executions to end, which they do after their runners, and
// stops those that do not. Their runners are closed by dispatch, or else here.
func (d *drain) executions(ctx context.Context) error {
	var names []string
	running := func() (left string, err error) {
		names, err = d.Executions.Running(ctx)
		return some(len(names), "execution"), err
	}
	left, err := d.until(ctx, follow, running)
	if err != nil {
		return err
	}
	if left != "" {
		left, err = d.until(ctx, follow, func() (string, error) {
			left, err := running()
			for _, name := range names {
				if d.told["execution "+name] {
					continue
				}
				if err := d.Executions.Stop(ctx, name, drained); err != nil {
					return "", err
				}
				d.told["execution "+name] = true
				d.res.Executions++
				d.did("stopped execution %s", name)
			}
			return left, err
		})
		if err := still(left, err); err != nil {
			return err
		}
	}
	var open []fleet.Runner
	_, err = d.until(ctx, follow, func() (left string, err error) {
		open, err = d.Records.OpenRunners(ctx)
		return some(len(open), "open runner"), err
	})
	if err != nil {
		return err
	}
	for _, r := range open {
		if _, _, err := d.Fleet.Finish(ctx, r.RunnerID, nil, "", drained); err != nil {
			return fmt.Errorf("close runner %s: %w", r.RunnerID, err)
		}
		d.did("closed runner %s, whose execution has ended", r.RunnerID)
	}
	return nil
}

// tasks stops tasks without an open runner. Unless now is set it leaves that to the
// sweep, which knows whether a task may have a job, and waits.
func (d *drain) tasks(ctx context.Context) error {
	left, err := d.until(ctx, settle, func() (string, error) {
		tasks, err := d.Platform.Tasks(ctx)
		if err != nil {
			return "", err
		}
		n := 0
		for _, task := range tasks {
			_, _, ours := fleet.ParseRunnerID(d.Fleet.Name, task.StartedBy)
			if !ours || task.LastStatus == fleet.TaskStopped {
				continue
			}
			n++
			if !d.now || d.told[task.ARN] || task.DesiredStatus == fleet.TaskStopped {
				continue
			}
			if err := d.Fleet.Tasks.Stop(ctx, task.ARN, drained); err != nil {
				return "", err
			}
			d.told[task.ARN] = true
			d.res.Tasks++
			d.did("stopped task %s of %s", task.ARN, task.StartedBy)
		}
		return some(n, "task"), nil
	})
	return still(left, err)
}

// some is a number of things, "" for none.
func some(n int, thing string) string {
	if n == 0 {
		return ""
	}
	return count(n, thing)
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// still returns an error if something is left.
func still(left string, err error) error {
	if err != nil || left == "" {
		return err
	}
	return fmt.Errorf("after some minutes there is still %s; drain again", left)
}

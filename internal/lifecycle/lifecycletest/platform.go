package lifecycletest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Tasks is the container platform. Like ECS, it refuses a client token that comes with
// other parameters. Fails scripts errors by method name (Launch, Stop, Describe).
type Tasks struct {
	w       *World
	tasks   map[string]*fleet.Task
	byToken map[string]string
	params  map[string]string

	Fails    map[string]error
	Launches []string // the parameters of every call, in JSON
}

// Launch starts a task, the same one for the same client token.
func (p *Tasks) Launch(_ context.Context, l fleet.TaskLaunch) (task fleet.Task, err error) {
	err = p.w.point("Tasks.Launch", func() error {
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		p.Launches = append(p.Launches, string(text))
		if was, known := p.params[l.ClientToken]; known && was != string(text) {
			return fleet.Errorf(fleet.RunnerLaunchFailed, "client token %s came with other parameters", l.ClientToken)
		}
		p.params[l.ClientToken] = string(text)
		if err := p.Fails["Launch"]; err != nil {
			return err
		}
		arn, known := p.byToken[l.ClientToken]
		if !known {
			arn = fmt.Sprintf("task-%d", len(p.tasks)+1)
			p.byToken[l.ClientToken] = arn
			p.tasks[arn] = &fleet.Task{ARN: arn, StartedBy: l.RunnerID, LastStatus: fleet.TaskPending, Version: 1, CreatedAt: new(p.w.now)}
		}
		task = *p.tasks[arn]
		return nil
	})
	return task, err
}

// Stop asks a task to stop. An unknown task is no error.
func (p *Tasks) Stop(_ context.Context, arn, reason string) error {
	return p.w.point("Tasks.Stop", func() error {
		if err := p.Fails["Stop"]; err != nil {
			return err
		}
		if task := p.tasks[arn]; task != nil && task.LastStatus != fleet.TaskStopped {
			task.DesiredStatus, task.StoppedReason = fleet.TaskStopped, reason
		}
		return nil
	})
}

// Describe reads a task.
func (p *Tasks) Describe(_ context.Context, arn string) (task fleet.Task, ok bool, err error) {
	err = p.w.point("Tasks.Describe", func() error {
		if err := p.Fails["Describe"]; err != nil {
			return err
		}
		if t := p.tasks[arn]; t != nil {
			task, ok = *t, true
		}
		return nil
	})
	return task, ok, err
}

// Tasks lists all tasks that the platform knows.
func (p *Tasks) Tasks(context.Context) (tasks []fleet.Task, err error) {
	err = p.w.point("Tasks.Tasks", func() error {
		if err := p.Fails["Tasks"]; err != nil {
			return err
		}
		for _, arn := range slices.Sorted(maps.Keys(p.tasks)) {
			tasks = append(tasks, *p.tasks[arn])
		}
		return nil
	})
	return tasks, err
}

// Edit changes a task behind the platform's back.
func (p *Tasks) Edit(arn string, edit func(*fleet.Task)) { edit(p.tasks[arn]) }

// Add adds a live task that was not launched through the fleet.
func (p *Tasks) Add(arn, startedBy string) {
	p.tasks[arn] = &fleet.Task{ARN: arn, StartedBy: startedBy, LastStatus: fleet.TaskRunning, Version: 1, CreatedAt: new(p.w.now)}
}

// Count returns how many tasks were ever started.
func (p *Tasks) Count() int { return len(p.byToken) }

// Asked reports whether a task was asked to stop.
func (p *Tasks) Asked(arn string) bool {
	return p.tasks[arn] != nil && p.tasks[arn].DesiredStatus == fleet.TaskStopped
}

// Forget makes the platform not know a task any more.
func (p *Tasks) Forget(arn string) { delete(p.tasks, arn) }

// Undescribed makes the platform list a task of which it knows nothing else.
func (p *Tasks) Undescribed(arn string) { p.tasks[arn] = &fleet.Task{ARN: arn} }

// Of returns the newest task that was started for a runner.
func (p *Tasks) Of(runnerID string) fleet.Task {
	var arns []string
	for arn, task := range p.tasks {
		if task.StartedBy == runnerID {
			arns = append(arns, arn)
		}
	}
	if len(arns) == 0 {
		p.w.t.Helper()
		p.w.t.Fatalf("no task was started for %s", runnerID)
	}
	return *p.tasks[slices.Max(arns)]
}

// Runs starts a runner's container and returns the task as an event reports it.
func (p *Tasks) Runs(runnerID string) fleet.Task {
	task := p.tasks[p.Of(runnerID).ARN]
	task.LastStatus = fleet.TaskRunning
	task.Version++
	return *task
}

// Ends ends a runner's container and returns the task as an event reports it.
func (p *Tasks) Ends(runnerID string, exit int) fleet.Task {
	task := p.tasks[p.Of(runnerID).ARN]
	task.LastStatus, task.StopCode, task.StoppedAt = fleet.TaskStopped, fleet.StopEssentialContainerExited, new(p.w.now)
	task.Containers = []fleet.Container{{Name: "runner", ExitCode: &exit}}
	task.Version++
	return *task
}

// Images are the image records, the locks on builds, and the builder.
type Images struct {
	w       *World
	records map[string]fleet.ImageRecord
	owners  map[string]string
	until   map[string]time.Time
	lease   map[string]time.Duration
	waiters map[string][]string

	Builds []string // every call of Build: "<tag> for <owner>"
	Orders []fleet.BuildOrder
	Fails  error // of Build
}

// Image returns the record of an image.
func (i *Images) Image(_ context.Context, tag string) (record fleet.ImageRecord, ok bool, err error) {
	err = i.w.point("Images.Image", func() error {
		record, ok = i.records[tag]
		return nil
	})
	return record, ok, err
}

// PutImage writes a record over the version that was read.
func (i *Images) PutImage(_ context.Context, record fleet.ImageRecord) error {
	return i.w.point("Images.PutImage", func() error {
		if i.records[record.Tag].Version != record.Version {
			return fleet.Errorf(fleet.RecordsConflict, "image %s is not at version %d any more", record.Tag, record.Version)
		}
		record.Version++
		i.records[record.Tag] = record
		return nil
	})
}

// Images lists the records, by their tags.
func (i *Images) Images(_ context.Context) (records []fleet.ImageRecord, err error) {
	err = i.w.point("Images.Images", func() error {
		for _, tag := range slices.Sorted(maps.Keys(i.records)) {
			records = append(records, i.records[tag])
		}
		return nil
	})
	return records, err
}

// DeleteImage forgets an image.
func (i *Images) DeleteImage(_ context.Context, tag string) error {
	return i.w.point("Images.DeleteImage", func() error {
		delete(i.records, tag)
		return nil
	})
}

// Have records an image that is built, as its first revision.
func (i *Images) Have(spec fleet.ImageSpec, digest string) {
	i.HaveTag(spec.Tag(), spec, digest)
}

// Edit changes a record.
func (i *Images) Edit(tag string, change func(*fleet.ImageRecord)) {
	r := i.records[tag]
	change(&r)
	r.Version++
	i.records[tag] = r
}

// HaveTag is Have for a given tag.
func (i *Images) HaveTag(tag string, spec fleet.ImageSpec, digest string) {
	i.records[tag] = fleet.ImageRecord{
		Tag: tag, Spec: spec, Revision: 1, Digest: digest, RunnerVersion: "2.330.0", BuiltAt: i.w.now, UsedAt: i.w.now,
		Version: i.records[tag].Version + 1,
	}
}

// JoinBuild records a waiter and may make it the owner.
func (i *Images) JoinBuild(_ context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error) {
	err = i.w.point("Images.JoinBuild", func() error {
		if !slices.Contains(i.waiters[tag], runnerID) {
			i.waiters[tag] = append(i.waiters[tag], runnerID)
			slices.Sort(i.waiters[tag])
		}
		switch was := i.owners[tag]; {
		case was == "" || i.until[tag].Before(now):
			owner = fleet.BuildOwner(runnerID, now)
		case fleet.OwnsBuild(was, runnerID):
			owner = was
		default:
			return nil
		}
		i.owners[tag], i.until[tag], i.lease[tag] = owner, now.Add(lease), lease
		return nil
	})
	return owner, err
}

// RenewBuild extends the lease of an owner.
func (i *Images) RenewBuild(_ context.Context, tag, owner string, at time.Time) error {
	return i.w.point("Images.RenewBuild", func() error {
		if i.owners[tag] == owner {
			i.until[tag] = at.Add(i.lease[tag])
		}
		return nil
	})
}

// EndBuild gives up an owner's lock and forgets the waiters.
func (i *Images) EndBuild(_ context.Context, tag, owner string) error {
	return i.w.point("Images.EndBuild", func() error {
		if i.owners[tag] == owner {
			delete(i.owners, tag)
			delete(i.waiters, tag)
		}
		return nil
	})
}

// BuildLock is the lock on a build.
func (i *Images) BuildLock(_ context.Context, tag string) (lock fleet.BuildLock, err error) {
	err = i.w.point("Images.BuildLock", func() error {
		lock = fleet.BuildLock{Owner: i.owners[tag], Waiters: slices.Clone(i.waiters[tag]), Until: i.until[tag]}
		return nil
	})
	return lock, err
}

// Waiters lists the runners that wait.
func (i *Images) Waiters(_ context.Context, tag string) (ids []string, err error) {
	err = i.w.point("Images.Waiters", func() error {
		ids = slices.Clone(i.waiters[tag])
		return nil
	})
	return ids, err
}

// Build starts a build.
func (i *Images) Build(_ context.Context, order fleet.BuildOrder) error {
	return i.w.point("Images.Build", func() error {
		if i.Fails != nil {
			return i.Fails
		}
		i.Builds = append(i.Builds, order.Tag+" for "+order.Owner)
		i.Orders = append(i.Orders, order)
		return nil
	})
}

// Until returns when the lease of a build ends.
func (i *Images) Until(tag string) time.Time { return i.until[tag] }

// Bus keeps what was put on it.
type Bus struct {
	w      *World
	Events []fleet.Event
}

// Put takes an event.
func (b *Bus) Put(_ context.Context, e fleet.Event) error {
	return b.w.point("Bus.Put", func() error {
		b.Events = append(b.Events, e)
		return nil
	})
}

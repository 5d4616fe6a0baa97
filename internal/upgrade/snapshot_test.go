package upgrade

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// snapshot is this moment of a play, without what is to come.
func (p *play) snapshot(call fleet.Call, situation string, entered bool) golden {
	g := golden{
		State: call.State, Situation: situation, Entered: entered, At: p.Now(), Call: call,
		MaxRunners: p.world.MaxRunners, Launches: slices.Clone(p.launches), LaunchFault: p.fault,
	}
	for _, store := range p.stores {
		records, err := store.List(p.ctx, "", 0)
		p.check(err, "list executions")
		g.Executions = append(g.Executions, records...)
	}
	g.Runs, g.Runners = p.records()
	var err error
	g.Capacity, err = p.Capacity(p.ctx)
	p.check(err, "read the capacity")
	g.Holds, err = p.HoldsBelow(p.ctx, "", 1000)
	p.check(err, "list holds")
	p.snapshotImages(&g)
	p.snapshotGitHub(&g)
	g.Tasks, err = p.world.Tasks.Tasks(p.ctx)
	p.check(err, "list tasks")
	return g
}

func (p *play) records() (runs []fleet.Run, runners []fleet.Runner) {
	for _, id := range slices.Sorted(maps.Keys(p.runs)) {
		run, _, err := p.Run(p.ctx, id)
		p.check(err, "read run %s", id)
		runs = append(runs, run)
	}
	for _, id := range slices.Sorted(maps.Keys(p.runners)) {
		runner, _, err := p.Runner(p.ctx, id)
		p.check(err, "read runner %s", id)
		runners = append(runners, runner)
	}
	return runs, runners
}

// snapshotImages finds the images by the jobs that need them.
func (p *play) snapshotImages(g *golden) {
	seen := map[string]bool{}
	for _, run := range g.Runs {
		tag := p.world.Policy().Admit(run.Job).Image.Tag()
		if seen[tag] {
			continue
		}
		seen[tag] = true
		if record, ok, err := p.world.Images.Image(p.ctx, tag); err == nil && ok && record.Digest != "" {
			g.Images = append(g.Images, image{tag, record.Digest})
		}
		if waiters, err := p.world.Images.Waiters(p.ctx, tag); err == nil && len(waiters) > 0 {
			g.Builds = append(g.Builds, build{tag, waiters, p.world.Images.Until(tag)})
		}
	}
}

func (p *play) snapshotGitHub(g *golden) {
	for _, run := range g.Runs {
		g.Jobs = append(g.Jobs, p.world.GitHub.Has(run.Job.JobID))
	}
	for _, name := range p.world.GitHub.Names() {
		r := p.world.GitHub.Runner(name)
		g.Registrations = append(g.Registrations, registration{ID: r.ID, Name: r.Name, Labels: r.Labels, Online: r.Online, Working: r.Working})
	}
}

// load makes the moment of a golden in a new play, and goes on from there: the golden's
// executions in the first definition, new ones in the last.
func (p *play) load(g golden, definitions ...[]byte) {
	p.world.Pass(max(0, g.At.Sub(p.Now())))
	p.world.MaxRunners = g.MaxRunners
	p.fault = g.LaunchFault
	p.wire()
	p.loadRecords(g)
	p.loadGitHub(g)
	p.loadTasks(g)
	executions := g.Executions
	for _, definition := range definitions {
		p.run(definition, executions)
		executions = nil
	}
	p.sweepSoon()
	p.until(p.Now())
}

func (p *play) loadRecords(g golden) {
	for _, run := range g.Runs {
		first := run
		first.Version = 0
		p.check(p.Records.Write(p.ctx, fleet.Changes{Runs: []fleet.Run{first}}), "keep run %s", run.RunID)
		p.world.EditRun(run.RunID, func(r *fleet.Run) { r.Version = run.Version - 1 })
		p.runs[run.RunID] = true
		if run.Status.Terminal() {
			p.ended[run.RunID]++
		}
	}
	for _, runner := range g.Runners {
		first := runner
		first.Version = 0
		p.check(p.Records.Write(p.ctx, fleet.Changes{Runners: []fleet.Runner{first}}), "keep runner %s", runner.RunnerID)
		p.world.EditRunner(runner.RunnerID, func(r *fleet.Runner) { r.Version = runner.Version - 1 })
		p.runners[runner.RunnerID] = true
	}
	p.Miscount(g.Capacity.Open)
	for _, hold := range g.Holds {
		hold.Version = 0
		p.check(p.Records.Write(p.ctx, fleet.Changes{Holds: []fleet.Hold{hold}}), "keep hold %s", hold.Key)
	}
	for _, i := range g.Images {
		p.world.Images.HaveTag(i.Tag, fleet.ImageSpec{}, i.Digest)
	}
	lease := p.world.Policy().Limits.BuildLease
	for _, b := range g.Builds {
		for _, waiter := range b.Waiters {
			_, err := p.world.Images.JoinBuild(p.ctx, b.Tag, waiter, b.Until.Add(-lease), lease)
			p.check(err, "keep the build of %s", b.Tag)
		}
	}
}

func (p *play) loadGitHub(g golden) {
	for _, job := range g.Jobs {
		p.world.GitHub.Set(job)
	}
	byID := slices.SortedFunc(slices.Values(g.Registrations), func(a, b registration) int { return int(a.ID - b.ID) })
	for _, r := range byID {
		p.check(p.register(r), "keep runner %s of GitHub", r.Name)
	}
}

// register makes a registration with its old id.
func (p *play) register(r registration) error {
	for range r.ID {
		reg, _, err := p.world.GitHub.Register(p.ctx, "", r.Name, r.Labels)
		if err != nil {
			return err
		}
		if reg.ID == r.ID {
			return p.setRegistration(r)
		}
		p.world.GitHub.Remove(r.Name)
	}
	return fmt.Errorf("its id %d is taken", r.ID)
}

// loadTasks asks for every task again, so that the platform knows the client tokens and
// their parameters, and restores each task's state.
func (p *play) loadTasks(g golden) {
	for _, launch := range g.Launches {
		_, err := p.world.Tasks.Launch(p.ctx, launch.today())
		p.check(err, "start the task of %s", launch.RunnerID)
		p.launches = append(p.launches, launch)
	}
	for _, task := range g.Tasks {
		p.check(p.setTask(task), "keep task %s", task.ARN)
		if task.DesiredStatus == fleet.TaskStopped && task.LastStatus != fleet.TaskStopped {
			p.stops(task.ARN)
		}
	}
}

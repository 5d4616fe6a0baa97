package upgrade

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ending describes the state of everything now.
func (p *play) ending() ending {
	end := ending{Executions: map[string]string{}, Runs: map[string]string{}, Runners: map[string]string{}, Tasks: p.world.Tasks.Count()}
	for _, e := range p.engines {
		list, err := e.List(p.ctx, "", 0)
		p.check(err, "list executions")
		for _, x := range list {
			end.Executions[x.Name] = string(x.Status)
			if x.Error != "" {
				end.Executions[x.Name] += " " + x.Error
			}
		}
	}
	runs, runners := p.records()
	for _, r := range runs {
		end.Runs[r.RunID] = fmt.Sprintf("%s %q on %q, launched %d", r.Status, r.Conclusion, r.RanOn, r.Launched)
	}
	for _, r := range runners {
		end.Runners[r.RunnerID] = fmt.Sprintf("%s, took %d", r.Status, r.Took)
	}
	return end
}

// differences says how two ends differ.
func (want ending) differences(got ending) (lines []string) {
	compare := func(what string, want, got map[string]string) {
		both := maps.Clone(want)
		maps.Copy(both, got)
		for _, id := range slices.Sorted(maps.Keys(both)) {
			if want[id] != got[id] {
				lines = append(lines, fmt.Sprintf("%s %s ends as %q; it was %q", what, id, got[id], want[id]))
			}
		}
	}
	compare("execution", want.Executions, got.Executions)
	compare("run", want.Runs, got.Runs)
	compare("runner", want.Runners, got.Runners)
	if want.Tasks != got.Tasks {
		lines = append(lines, fmt.Sprintf("%d tasks were started; it was %d", got.Tasks, want.Tasks))
	}
	return lines
}

// leftovers is what must not exist after the end.
func (p *play) leftovers() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, e := range p.engines {
		open, err := e.List(p.ctx, engine.Running, 0)
		p.check(err, "list executions")
		for _, x := range open {
			add("execution %s is still in %s", x.Name, x.State)
		}
	}
	runs, runners := p.records()
	for _, r := range runs {
		if n := p.ended[r.RunID]; n != 1 || !r.Status.Terminal() {
			add("run %s is %s and has ended %d times", r.RunID, r.Status, n)
		}
		if r.WaitsForRoom {
			add("run %s still waits for room", r.RunID)
		}
	}
	for _, r := range runners {
		if r.Phase != fleet.Closed {
			add("runner %s is %s", r.RunnerID, r.Phase)
		}
		if r.TaskToken != "" || r.WaitingFor != "" {
			add("runner %s still has a token and waits for %q", r.RunnerID, r.WaitingFor)
		}
	}
	if capacity, err := p.Capacity(p.ctx); err != nil || capacity.Open != 0 {
		add("%d runners are counted as open (%v)", capacity.Open, err)
	}
	tasks, err := p.world.Tasks.Tasks(p.ctx)
	p.check(err, "list tasks")
	for _, task := range tasks {
		if task.LastStatus != fleet.TaskStopped {
			add("task %s of %s is %s", task.ARN, task.StartedBy, task.LastStatus)
		}
	}
	for _, name := range p.world.GitHub.Names() {
		add("GitHub still has runner %s", name)
	}
	for _, r := range runs {
		tag := p.world.Policy().Admit(r.Job).Image.Tag()
		if waiters, err := p.world.Images.Waiters(p.ctx, tag); err != nil || len(waiters) != 0 {
			add("%q still wait for image %s (%v)", waiters, tag, err)
		}
	}
	return lines
}

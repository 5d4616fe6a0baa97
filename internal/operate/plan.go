package operate

import (
	"context"
	"fmt"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// DrainPlan is what a drain would take away if it began now. Runners that end by themselves
// meanwhile are not taken away.
type DrainPlan struct {
	FleetName string `json:"fleet_name"`
	// Paused is why the fleet is paused already, "" if the drain would pause it.
	Paused         string   `json:"paused,omitempty"`
	RunnersWithout []string `json:"runners_without_job"` // that would be ended
	// RunnersWith would be stopped with their jobs by a drain that does not wait for them.
	RunnersWith   []string  `json:"runners_with_job"`
	StopsJobs     bool      `json:"stops_jobs"`
	Waiting       int       `json:"waiting"` // runs that stay queued; 1000 at most
	Builds        []string  `json:"builds"`
	Executions    int       `json:"executions"`
	Tasks         int       `json:"tasks"`
	Registrations int       `json:"registrations"`
	Definitions   int       `json:"task_definitions"`
	Problems      []Problem `json:"problems"` // what could not be counted
}

// PlanDrain counts what a drain would take away, and changes nothing.
func (o Operator) PlanDrain(ctx context.Context, now bool) (DrainPlan, error) {
	plan := DrainPlan{FleetName: o.Fleet.Name, StopsJobs: now, RunnersWithout: []string{}, RunnersWith: []string{}, Builds: []string{}, Problems: []Problem{}}
	capacity, err := o.Fleet.Records.Capacity(ctx)
	if err != nil {
		return plan, fmt.Errorf("read whether fleet %s is paused: %w", o.Fleet.Name, err)
	}
	plan.Paused = capacity.Paused
	open, err := o.Records.OpenRunners(ctx)
	if err != nil {
		return plan, fmt.Errorf("list the runners of fleet %s: %w", o.Fleet.Name, err)
	}
	for _, r := range open {
		if r.Took != 0 {
			plan.RunnersWith = append(plan.RunnersWith, r.RunnerID)
		} else {
			plan.RunnersWithout = append(plan.RunnersWithout, r.RunnerID)
		}
	}
	if plan.Waiting, err = o.waiting(ctx); err != nil {
		return plan, err
	}
	for _, part := range []struct {
		what  string
		count func(context.Context, *DrainPlan) error
	}{
		{"list the image builds", o.planBuilds},
		{"list the executions", o.planExecutions},
		{"list the tasks", o.planTasks},
		{"list the registrations on GitHub", o.planRegistrations},
		{"list the task definitions", o.planDefinitions},
	} {
		if err := part.count(ctx, &plan); err != nil {
			plan.Problems = append(plan.Problems, Problem{What: part.what, Reason: err.Error()})
		}
		if ctx.Err() != nil {
			return plan, ctx.Err()
		}
	}
	return plan, nil
}

func (o Operator) planBuilds(ctx context.Context, plan *DrainPlan) error {
	if o.Builds == nil {
		return nil
	}
	running, err := o.Builds.Running(ctx)
	plan.Builds = append(plan.Builds, running...)
	return err
}

func (o Operator) planExecutions(ctx context.Context, plan *DrainPlan) error {
	running, err := o.Executions.Running(ctx)
	plan.Executions = len(running)
	return err
}

func (o Operator) planTasks(ctx context.Context, plan *DrainPlan) error {
	tasks, err := o.Platform.Tasks(ctx)
	for _, task := range tasks {
		if _, _, ours := fleet.ParseRunnerID(o.Fleet.Name, task.StartedBy); ours && task.LastStatus != fleet.TaskStopped {
			plan.Tasks++
		}
	}
	return err
}

func (o Operator) planRegistrations(ctx context.Context, plan *DrainPlan) error {
	d := &drain{Operator: o}
	for _, place := range d.places() {
		ours, err := d.ours(ctx, place)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		plan.Registrations += len(ours)
	}
	return nil
}

func (o Operator) planDefinitions(ctx context.Context, plan *DrainPlan) error {
	if o.Definitions == nil {
		return nil
	}
	for _, err := range o.Definitions.Definitions(ctx) {
		if err != nil {
			return err
		}
		plan.Definitions++
	}
	return nil
}

// places are where the fleet's runners are registered.
func (d *drain) places() []string {
	if d.Fleet.SharedPlace != "" {
		return []string{d.Fleet.SharedPlace}
	}
	return slices.Clone(d.Repositories)
}

package report

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// Stages are how long the parts of a run took, in milliseconds. From Webhook to End they are
// one after the other without gaps, and are Total together; what took no time is absent.
// Queue is all of them before Job.
type Stages struct {
	Webhook   *int64 `json:"webhook_ms,omitempty"`   // GitHub queued the job until the fleet heard of it
	Launch    *int64 `json:"launch_ms,omitempty"`    // until a runner was launched
	Room      *int64 `json:"room_ms,omitempty"`      // it waited for room
	Tries     *int64 `json:"tries_ms,omitempty"`     // runners before the one that ran it
	Other     *int64 `json:"other_ms,omitempty"`     // until the other job's runner was launched that took it
	NextTry   *int64 `json:"next_try_ms,omitempty"`  // it waited after a setback
	Approval  *int64 `json:"approval_ms,omitempty"`  // GitHub waited for an approval
	Admit     *int64 `json:"admit_ms,omitempty"`     // the runner was launched until the job was admitted
	Image     *int64 `json:"image_ms,omitempty"`     // until its image was ready
	Task      *int64 `json:"task_ms,omitempty"`      // until the platform had accepted the task
	Container *int64 `json:"container_ms,omitempty"` // until the container ran
	Register  *int64 `json:"register_ms,omitempty"`  // until the runner was registered on GitHub
	Assign    *int64 `json:"assign_ms,omitempty"`    // until GitHub gave it the job
	Job       *int64 `json:"job_ms,omitempty"`       // the job itself
	End       *int64 `json:"end_ms,omitempty"`       // GitHub reported its end until the run was closed

	Queue *int64 `json:"queue_ms,omitempty"` // GitHub queued the job until a runner took it
	Total *int64 `json:"total_ms,omitempty"` // GitHub queued the job until its end, or until now
	Open  string `json:"open,omitempty"`     // the stage that goes on, by its name in `ecsrunner why`
}

func stagesOf(run fleet.Run, split stages.Split) Stages {
	s := Stages{Total: split.Total, Open: string(split.Open())}
	for _, name := range stages.Names() {
		if ms := split.Took(name); ms > 0 {
			*s.part(name) = &ms
		}
	}
	if split.Total != nil {
		queue := split.BeforeJob()
		s.Queue = &queue
	}
	if job := int64(0); s.Job == nil && !run.At(fleet.StageJobStarted).IsZero() {
		s.Job = &job // by GitHub's clock, which has whole seconds
	}
	return s
}

// Took is how long a stage took in milliseconds, nil if the run was not in it.
func (s Stages) Took(name stages.Name) *int64 { return *s.part(name) }

func (s *Stages) part(name stages.Name) **int64 {
	switch name {
	case stages.Webhook:
		return &s.Webhook
	case stages.Launch:
		return &s.Launch
	case stages.Room:
		return &s.Room
	case stages.Tries:
		return &s.Tries
	case stages.Other:
		return &s.Other
	case stages.NextTry:
		return &s.NextTry
	case stages.Approval:
		return &s.Approval
	case stages.Admit:
		return &s.Admit
	case stages.Image:
		return &s.Image
	case stages.Task:
		return &s.Task
	case stages.Container:
		return &s.Container
	case stages.Register:
		return &s.Register
	case stages.Assign:
		return &s.Assign
	case stages.Job:
		return &s.Job
	}
	return &s.End
}

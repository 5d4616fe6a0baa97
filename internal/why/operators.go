package why

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// anOperator is who did what, where the records do not name them.
const anOperator = "an operator"

// byOperator reports whether an operator ended the runner, and with it its job if it had
// one. Records of the release before have only the runner's reason.
func (f Facts) byOperator(r fleet.Runner) bool {
	a, ok := endedBy(r)
	if !ok {
		return noted(r)
	}
	if r.Took == 0 {
		return true
	}
	if f.Run == nil || f.Run.RanOn != r.RunnerID {
		return true
	}
	ended := f.Run.At(fleet.StageJobCompleted) // in GitHub's whole seconds
	return ended.IsZero() || !ended.Before(a.At.Truncate(time.Second))
}

func noted(r fleet.Runner) bool { return len(r.Actions) == 0 && r.Reason == fleet.TerminatedByOperator }

// endedBy is the operator's action that ended a runner: for one that has a job an action
// that stops jobs.
func endedBy(r fleet.Runner) (fleet.Action, bool) {
	if r.Took != 0 {
		return r.StoppedBy()
	}
	return r.EndedBy()
}

// operator names who ended a runner.
func operator(r fleet.Runner) string {
	if a, ok := endedBy(r); ok {
		return name(a.By)
	}
	return anOperator
}

// with says with which command the runner was ended, and why.
func with(r fleet.Runner) string {
	if a, ok := endedBy(r); ok {
		return " with " + sentence(a.Did())
	}
	return ""
}

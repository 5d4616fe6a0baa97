package fleet

import (
	"slices"
	"strings"
	"time"
)

// Operator is who changes a fleet, and why. The fleet itself finds out By: it is never what
// the operator says of themselves.
type Operator struct {
	By     string // the user of this machine, or the caller's ARN on AWS
	Reason string // that was given, "" if none was
}

// Command is what an operator asked the fleet to do, as it is typed after ecsrunner.
type Command string

// Commands that change a fleet.
const (
	CommandPause            Command = "pause"
	CommandResume           Command = "resume"
	CommandDrain            Command = "drain"
	CommandDrainNow         Command = "drain --now"
	CommandTerminate        Command = "runners terminate"
	CommandForceTerminate   Command = "runners terminate --force"
	CommandRetry            Command = "runs retry"
	CommandBuildImage       Command = "images build"
	CommandRemoveImage      Command = "images delete"
	CommandRefreshImages    Command = "images refresh"
	CommandRefreshAllImages Command = "images refresh --all"
	// CommandStopNow is the stop of a fleet on one machine that waits for its jobs no longer.
	CommandStopNow Command = "local, stopped at once"
)

// StopsJobs reports whether the command stops runners although they have a job.
func (c Command) StopsJobs() bool {
	return c == CommandForceTerminate || c == CommandDrainNow || c == CommandStopNow
}

// Ends reports whether the command ends runners.
func (c Command) Ends() bool { return c.StopsJobs() || c == CommandTerminate || c == CommandDrain }

// drains reports whether the command is about all runners: one action is listed for it.
func (c Command) drains() bool {
	return c == CommandDrain || c == CommandDrainNow || c == CommandStopNow
}

// Action is one change that an operator made: who did what, when and why. It is listed, and
// stands on the records of the run and the runner that it changed.
type Action struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Command  Command   `json:"command"`
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	RunnerID string    `json:"runner_id,omitempty"`
	RunID    string    `json:"run_id,omitempty"`
	Image    string    `json:"image,omitempty"`
	// Outcome is what became of it, if it was not carried out.
	Outcome string `json:"outcome,omitempty"`
}

const (
	// MostReason bounds the reason of an action, in characters, and mostBy who did it:
	// they stand on records that are to stay small.
	MostReason = 200
	mostBy     = 200
	// mostActions is how many actions a record keeps.
	mostActions = 5
	// unknownOperator is the operator where the system names none.
	unknownOperator = "an operator"
)

// Act is the action of an operator.
func (o Operator) Act(command Command, id string, now time.Time) Action {
	by, reason := oneLine(o.By, mostBy), oneLine(o.Reason, MostReason)
	if by == "" {
		by = unknownOperator
	}
	return Action{ID: id, At: now.UTC(), Command: command, By: by, Reason: reason}
}

// oneLine is a stranger's text as one line of n characters at most.
func oneLine(text string, n int) string {
	return Clip(strings.Join(strings.Fields(strings.ToValidUTF8(ClipBytes(text, 16*n), "�")), " "), n)
}

// Did is the command with its reason, for people.
func (a Action) Did() string {
	did := "`ecsrunner " + string(a.Command) + "`"
	if a.Command == CommandStopNow {
		did = "the stop of `ecsrunner local`"
	}
	if a.Reason != "" {
		did += " (" + a.Reason + ")"
	}
	return did
}

// OfIdle is the action on a runner that has no job: nothing is stopped with it.
func (a Action) OfIdle() Action {
	switch a.Command {
	case CommandForceTerminate:
		a.Command = CommandTerminate
	case CommandDrainNow:
		a.Command = CommandDrain
	}
	return a
}

// Listed reports whether the action on one runner is listed by itself. A drain is listed
// once.
func (a Action) Listed() bool { return !a.Command.drains() }

// EndReason is the reason of the runners that the action ends.
func (a Action) EndReason() string {
	switch a.Command {
	case CommandDrain, CommandDrainNow:
		return DrainedByOperator
	case CommandStopNow:
		return StoppedByOperator
	}
	return TerminatedByOperator
}

// Reasons of runners that operators end.
const (
	// TerminatedByOperator is the reason of a runner that an operator ends.
	TerminatedByOperator = "terminated by an operator"
	// DrainedByOperator is the reason of runners that a drain ends, and of its pause.
	DrainedByOperator = "drained"
	// StoppedByOperator is the reason of runners whose fleet was stopped at once.
	StoppedByOperator = "the fleet was stopped at once"
)

// traced adds an action to those of a record, the newest first.
func traced(actions []Action, a Action) []Action {
	kept := untraced(actions, a.ID)
	kept = append([]Action{a}, kept...)
	return kept[:min(len(kept), mostActions)]
}

func untraced(actions []Action, id string) []Action {
	kept := slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return a.ID == id })
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// Trace keeps an action on the run.
func (r Run) Trace(a Action) Run {
	r.Actions = traced(r.Actions, a)
	return r
}

// Untrace takes Trace back.
func (r Run) Untrace(id string) Run {
	r.Actions = untraced(r.Actions, id)
	return r
}

// Trace keeps an action on the runner.
func (r Runner) Trace(a Action) Runner {
	r.Actions = traced(r.Actions, a)
	return r
}

// Untrace takes Trace back.
func (r Runner) Untrace(id string) Runner {
	r.Actions = untraced(r.Actions, id)
	return r
}

// StoppedBy is the action that stopped the runner although it has, or may have, a job.
func (r Runner) StoppedBy() (Action, bool) {
	return newest(r.Actions, func(a Action) bool { return a.Command.StopsJobs() })
}

// EndedBy is the operator's action that ends the runner.
func (r Runner) EndedBy() (Action, bool) {
	return newest(r.Actions, func(a Action) bool { return a.Command.Ends() })
}

// StoppedBy is the action that stopped the runner of the run's job, unless that job had
// ended before. GitHub's times have whole seconds.
func (r Run) StoppedBy() (Action, bool) { return r.stoppedBefore(r.At(StageJobCompleted)) }

func (r Run) stoppedBefore(ended time.Time) (Action, bool) {
	if r.RanOn == "" {
		return Action{}, false
	}
	return newest(r.Actions, func(a Action) bool {
		return a.Command.StopsJobs() && a.RunnerID == r.RanOn && (ended.IsZero() || !ended.Before(a.At.Truncate(time.Second)))
	})
}

func newest(actions []Action, is func(Action) bool) (Action, bool) {
	if i := slices.IndexFunc(actions, is); i >= 0 {
		return actions[i], true
	}
	return Action{}, false
}

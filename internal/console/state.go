package console

import (
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// state is how a status looks: the same everywhere. Tone is the colour, of which there are
// six, and Mark the sign beside it, for those who do not see colours.
type state struct{ Text, Tone, Mark string }

// Tones have one meaning each. The command line paints runs alike.
const (
	toneQuiet = "quiet" // waits, or is over without a result
	toneReady = "ready" // is made ready
	toneRun   = "run"   // runs
	toneGood  = "good"
	toneHeld  = "held" // was held up, stopped or refused
	toneBad   = "bad"
)

var states = map[string]state{
	string(fleet.RunQueued):        {"Queued", toneQuiet, "ring"},
	string(fleet.RunWaiting):       {"Needs approval", toneQuiet, "hand"},
	string(fleet.RunRetrying):      {"Retrying", toneHeld, "again"},
	string(fleet.RunImageCreating): {"Building image", toneReady, "half"},
	string(fleet.RunStarting):      {"Starting", toneReady, "half"},
	string(fleet.RunWaitingForJob): {"Waiting for job", toneReady, "half"},
	string(fleet.RunRunning):       {"Running", toneRun, "dot"},
	string(fleet.RunCompleted):     {"Completed", toneGood, "tick"},
	string(fleet.RunCancelled):     {"Cancelled", toneHeld, "stop"},
	string(fleet.RunFailed):        {"Failed", toneBad, "cross"},
	string(fleet.RunGone):          {"Gone", toneQuiet, "stop"},
	string(fleet.RunRefused):       {"Refused", toneHeld, "stop"},
	string(fleet.RunnerOffline):    {"Ended", toneGood, "tick"},

	report.ImageReady:    {"Ready", toneGood, "tick"},
	report.ImageBuilding: {"Building", toneReady, "half"},
	report.ImageOutdated: {"Outdated", toneHeld, "again"},
	report.ImageMissing:  {"Not built", toneQuiet, "ring"},
	report.ImageFailed:   {"Build failed", toneBad, "cross"},

	string(fleet.Admitted):  {"Admitted", toneGood, "tick"},
	string(fleet.Ignored):   {"Not ours", toneQuiet, "ring"},
	string(fleet.Undecided): {"Undecided", toneHeld, "again"},
	"refused":               {"Refused", toneHeld, "stop"},
}

// stateOf is how a status looks, of a run, a runner, an image or a decision.
func stateOf(status any) state {
	name := fmt.Sprint(status)
	if s, ok := states[name]; ok {
		return s
	}
	return state{say(name), toneQuiet, "ring"}
}

// stateOfRun is that of a run: one whose job failed has completed, and looks like a failure.
func stateOfRun(status fleet.RunStatus, conclusion string) state {
	s := stateOf(status)
	if status == fleet.RunCompleted && conclusion == fleet.ConclusionFailure {
		s.Text, s.Tone, s.Mark = "Job failed", toneBad, "cross"
	}
	return s
}

// stands is the state of the machine that an open runner is in, by its record: that has it
// at once, on one machine and on AWS alike, where an execution's state is a call each.
func stands(r fleet.Runner) string {
	switch {
	case r.Phase == fleet.Closing && !r.At(fleet.StageTaskStarted).IsZero() && r.Took != 0:
		return "AwaitCompletion"
	case r.WaitingFor == fleet.WaitForStopped:
		return "AwaitCompletion"
	case r.WaitingFor == fleet.WaitForJob:
		return "RunTask"
	case r.WaitingFor == fleet.WaitForImage:
		return "BuildImage"
	case r.Phase == fleet.Closing, r.TaskStatus == fleet.TaskStopped:
		return "RecordStatus"
	case r.At(fleet.StageAdmitted).IsZero():
		return "Validate"
	case r.At(fleet.StageImageReady).IsZero():
		return "ResolveImage"
	case r.TaskDefinition == "" && r.TaskARN == "":
		return "RegisterTaskDefinition"
	}
	return "RunTask"
}

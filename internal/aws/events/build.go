package events

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var imageDigest = regexp.MustCompile(`^([^@\s]+@)?sha256:[0-9a-f]{64}$`)

// build is the detail of a CodeBuild event
// (https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html).
type build struct {
	BuildID string `json:"build-id"`
	Project string `json:"project-name"`
	Status  string `json:"build-status"`
	Phase   string `json:"completed-phase"` // of phase changes
	More    struct {
		Environment struct {
			Variables []variable `json:"environment-variables"`
		} `json:"environment"`
		Exported []variable `json:"exported-environment-variables"`
		Logs     struct {
			Group  string `json:"group-name"`
			Stream string `json:"stream-name"`
		} `json:"logs"`
		Phases []phase `json:"phases"`
	} `json:"additional-information"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type phase struct {
	Type    string `json:"phase-type"`
	Status  string `json:"phase-status"`
	Context []any  `json:"phase-context"` // texts, as far as they are known
}

// lastPhase is over when the build is.
const lastPhase = "COMPLETED"

// build recognizes a build of the fleet by its tag: a build that was started by hand
// has none. A phase change only says that the build goes on.
func (l Listener) build(b build) (fleet.Build, bool) {
	tag := valueOf(b.More.Environment.Variables, deployment.ImageTagVariable)
	// A phase change has no build-status of its own in AWS's examples.
	goesOn := b.Status == fleet.BuildInProgress || b.Status == "" && b.Phase != "" && b.Phase != lastPhase
	if l.BuildProject == "" || !slices.Contains(deployment.Projects(l.BuildProject), b.Project) || tag == "" || b.Phase != "" && !goesOn {
		return fleet.Build{}, false
	}
	if goesOn {
		b.Status = fleet.BuildInProgress
	}
	out := fleet.Build{BuildID: b.BuildID, Tag: tag, Owner: valueOf(b.More.Environment.Variables, deployment.ImageOwnerVariable), Status: b.Status}
	out.Revision, _ = strconv.Atoi(valueOf(b.More.Environment.Variables, deployment.ImageRevisionVariable)) // the release before gave none
	switch b.Status {
	case fleet.BuildInProgress:
	case fleet.BuildSucceeded:
		out.Digest = valueOf(b.More.Exported, deployment.ImageDigestVariable)
		if !imageDigest.MatchString(out.Digest) {
			out.Status, out.Digest = fleet.BuildFailed, ""
			out.Reason = b.reason("the build succeeded and exported no " + deployment.ImageDigestVariable)
		}
		if version := valueOf(b.More.Exported, deployment.RunnerReleaseVariable); fleet.IsRunnerVersion(version) {
			out.RunnerVersion = version
		}
		if size, err := strconv.ParseInt(valueOf(b.More.Exported, deployment.ImageSizeVariable), 10, 64); err == nil && size > 0 {
			out.Size = size // builds of the release before say none
		}
		out.Identity = valueOf(b.More.Exported, deployment.ImageClaimVariable) == fleet.IdentityLabelValue
	case fleet.BuildStopped:
		out.Reason = b.reason(b.failure())
	default:
		why := l.why(b)
		passing, passes := strings.CutPrefix(why, deployment.TryAgain)
		out.Status, out.Reason, out.MayPass = fleet.BuildFailed, b.reason(passing), passes || b.neverRan()
	}
	return out, true
}

// sentence is a line in which a build of ours says what is wrong. Docker's builder puts
// the step's number and seconds before it; a line that has the mark elsewhere repeats a
// Dockerfile.
var sentence = regexp.MustCompile(`^(?:#[0-9]+ )?(?:[0-9]+\.[0-9]+ )?ecsrunner: (.+)$`)

// mostLines is how many lines are read of the end of a build's log.
const mostLines = 40

// why says why a build failed: in the words of its log if the log says it, else by the
// phase that failed and the last lines of the log.
func (l Listener) why(b build) string {
	phase := b.failure()
	if l.LastLines == nil || b.More.Logs.Stream == "" {
		return phase
	}
	lines, err := l.LastLines(b.More.Logs.Group, b.More.Logs.Stream, mostLines)
	if err != nil {
		return phase // reason adds where the log is
	}
	var said []string
	for line := range strings.Lines(strings.Join(lines, "\n")) {
		if line = strings.TrimSpace(strings.Map(printable, escapes.ReplaceAllString(line, ""))); line != "" {
			said = append(said, line)
		}
	}
	for _, line := range slices.Backward(said) {
		if text := sentence.FindStringSubmatch(line); text != nil {
			if text[0] != "ecsrunner: "+text[1] { // a step's own, which does not say whether it passes
				return strings.TrimPrefix(text[1], deployment.TryAgain)
			}
			return text[1]
		}
	}
	said = slices.DeleteFunc(said, func(line string) bool { return strings.HasPrefix(line, "[Container]") }) // CodeBuild's own
	if len(said) == 0 {
		return phase
	}
	return phase + ": " + strings.Join(said[max(0, len(said)-3):], " / ")
}

// escapes are sequences that colour a terminal.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return ' '
	}
	return r
}

func valueOf(variables []variable, name string) string {
	for _, v := range variables {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// failure says in which phase a build failed and why.
func (b build) failure() string {
	for _, p := range b.More.Phases {
		switch p.Status {
		case "", "SUCCEEDED", "IN_PROGRESS", "QUEUED":
			continue
		}
		why := strings.Join(strings.Fields(strings.Trim(fmt.Sprintln(p.Context...), ": \n")), " ")
		if why != "" {
			why = ": " + why
		}
		return fmt.Sprintf("phase %s ended as %s%s", p.Type, p.Status, why)
	}
	return "the build ended as " + b.Status
}

// most is how many characters a reason has, which people read.
const most = 300

// neverRan reports whether CodeBuild never ran the build: it waited in the queue for
// too long, no machine was available, or it did not get the fleet's own files, for
// example because a deployment changed which files its role may read after it was
// queued. That says nothing about the image.
func (b build) neverRan() bool {
	for _, p := range b.More.Phases {
		switch p.Status {
		case "", "SUCCEEDED", "IN_PROGRESS", "QUEUED":
			continue
		}
		return p.Type == "SUBMITTED" || p.Type == "QUEUED" || p.Type == "PROVISIONING" || p.Type == "DOWNLOAD_SOURCE"
	}
	return false
}

// reason adds where to read on. It cuts the text if that gets too long.
func (b build) reason(what string) string {
	where := "; read the log of build " + b.BuildID[strings.LastIndex(b.BuildID, "/")+1:]
	if logs := b.More.Logs; logs.Stream != "" {
		where = "; read stream " + logs.Stream + " of log group " + logs.Group
	}
	return fleet.Clip(what, most-utf8.RuneCountInString(where)) + where
}

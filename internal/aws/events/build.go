package events

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// What a build and the fleet tell each other by environment variables: StartBuild
// sets the tag and the owner of the lock under which it is started, and the buildspec
// exports the digest (env: exported-variables), in the form sha256:… or
// repository@sha256:….
const (
	ImageTagVariable    = "IMAGE_TAG"
	ImageOwnerVariable  = "IMAGE_OWNER"
	ImageDigestVariable = "IMAGE_DIGEST"
)

// ArmSuffix ends the name of the project that builds arm64 images.
const ArmSuffix = "-arm64"

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
	Context []any  `json:"phase-context"` // texts, as far as it is known
}

// build knows a build of the fleet by its tag: one that was started by hand has
// none. A phase change only says that the build goes on.
func (l Listener) build(b build) (fleet.Build, bool) {
	tag := valueOf(b.More.Environment.Variables, ImageTagVariable)
	goesOn := b.Status == fleet.BuildInProgress
	ours := b.Project == l.BuildProject || b.Project == l.BuildProject+ArmSuffix
	if l.BuildProject == "" || !ours || tag == "" || b.Phase != "" && !goesOn {
		return fleet.Build{}, false
	}
	owner := valueOf(b.More.Environment.Variables, ImageOwnerVariable)
	out := fleet.Build{BuildID: b.BuildID, Tag: tag, Owner: owner, Status: b.Status}
	switch b.Status {
	case fleet.BuildInProgress:
	case fleet.BuildSucceeded:
		out.Digest = valueOf(b.More.Exported, ImageDigestVariable)
		if !imageDigest.MatchString(out.Digest) {
			out.Status, out.Digest = "FAILED", ""
			out.Reason = b.reason("the build succeeded and exported no " + ImageDigestVariable)
		}
	default:
		out.Reason = b.reason(b.failure())
	}
	return out, true
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

// reason adds where to read on. What happened is cut if that gets too long.
func (b build) reason(what string) string {
	where := "; read the log of build " + b.BuildID[strings.LastIndex(b.BuildID, "/")+1:]
	if logs := b.More.Logs; logs.Stream != "" {
		where = "; read stream " + logs.Stream + " of log group " + logs.Group
	}
	room := most - len([]rune(where))
	if runes := []rune(what); len(runes) > room {
		what = string(runes[:max(0, room-1)]) + "…"
	}
	return what + where
}

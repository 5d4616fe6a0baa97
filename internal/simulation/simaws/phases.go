package simaws

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// after is the phase that follows
// (https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html).
// POST_BUILD follows a BUILD that failed as well.
var after = map[types.BuildPhaseType]types.BuildPhaseType{
	types.BuildPhaseTypeProvisioning:    types.BuildPhaseTypeDownloadSource,
	types.BuildPhaseTypeDownloadSource:  types.BuildPhaseTypeInstall,
	types.BuildPhaseTypeInstall:         types.BuildPhaseTypePreBuild,
	types.BuildPhaseTypePreBuild:        types.BuildPhaseTypeBuild,
	types.BuildPhaseTypeBuild:           types.BuildPhaseTypePostBuild,
	types.BuildPhaseTypePostBuild:       types.BuildPhaseTypeUploadArtifacts,
	types.BuildPhaseTypeUploadArtifacts: types.BuildPhaseTypeFinalizing,
}

// submit lets a new build's life begin: its first event says that it is in progress,
// although it is in the queue.
func (c *CodeBuild) submit(b *build) {
	b.project.queue = append(b.project.queue, b)
	c.open(b, types.BuildPhaseTypeSubmitted)
	c.k.Log("build %s of %s is submitted", b.id, b.subject())
	c.stateChanged(b)
	b.next = c.k.After(time.Second, func() {
		c.close(b, types.StatusTypeSucceeded, "", "")
		c.open(b, types.BuildPhaseTypeQueued)
		if fault, strikes := c.k.Strikes(BuildQueued, b.subject()); strikes {
			b.held = true
			b.next = c.k.After(fault.For.Duration, func() {
				b.held = false
				c.dispatch(b.project)
			})
		}
		b.timeout = c.k.After(queuedTimeout, func() {
			c.abort(b, types.StatusTypeTimedOut, "BUILD_TIMED_OUT", "Build has timed out in the queue.")
		})
		c.dispatch(b.project)
	})
}

// dispatch lets the builds begin that have waited for longest, as many as may run.
func (c *CodeBuild) dispatch(p *project) {
	for p.active < c.limit() {
		i := slices.IndexFunc(p.queue, func(b *build) bool { return !b.held && b.current().kind == types.BuildPhaseTypeQueued })
		if i < 0 {
			return
		}
		b := p.queue[i]
		p.queue = slices.Delete(p.queue, i, i+1)
		p.active++
		stopTimer(b.timeout)
		b.timeout = c.k.After(b.timeLimit(), func() { c.abort(b, types.StatusTypeTimedOut, "BUILD_TIMED_OUT", "Build has timed out. ") })
		c.close(b, types.StatusTypeSucceeded, "", "")
		c.enter(b, types.BuildPhaseTypeProvisioning)
	}
}

// enter begins a phase, and says when it is over.
func (c *CodeBuild) enter(b *build, kind types.BuildPhaseType) {
	c.open(b, kind)
	if kind == types.BuildPhaseTypeBuild {
		c.strikeBuild(b)
	}
	b.next = c.k.After(c.takes(b, kind), func() { c.leave(b) })
}

// takes is the length of a phase. Provisioning takes 2 to 7 s, and a privileged
// UsualBuild is the length of phase BUILD unless the configuration or a fault says otherwise.
const UsualBuild = 3 * time.Minute

// container some seconds more; what the buildspec does not use takes none.
func (c *CodeBuild) takes(b *build, kind types.BuildPhaseType) time.Duration {
	switch kind {
	case types.BuildPhaseTypeProvisioning:
		return c.k.Between("codebuild.provisioning", 5*time.Second, 11*time.Second)
	case types.BuildPhaseTypeDownloadSource, types.BuildPhaseTypeFinalizing:
		return 2 * time.Second
	case types.BuildPhaseTypeBuild:
		return c.buildTakes(b)
	}
	return 0
}

func (c *CodeBuild) buildTakes(b *build) time.Duration {
	if fault, lasts := c.k.Lasts(BuildTakes, b.subject()); lasts {
		return fault.For.Duration
	}
	if c.cfg.BuildTakes > 0 {
		return c.cfg.BuildTakes
	}
	return UsualBuild
}

// strikeBuild lets an operator stop the build.
func (c *CodeBuild) strikeBuild(b *build) {
	fault, strikes := c.k.Strikes(BuildStopped, b.subject())
	if !strikes {
		return
	}
	d := fault.For.Duration
	if d == 0 {
		d = c.buildTakes(b) / 2
	}
	c.k.After(d, func() { c.stop(b) })
}

// leave ends the current phase and begins the next.
func (c *CodeBuild) leave(b *build) {
	kind := b.current().kind
	status, code, message := types.StatusTypeSucceeded, "", ""
	if kind == types.BuildPhaseTypeBuild {
		status, code, message = c.built(b)
	}
	c.close(b, status, code, message)
	if next, more := after[kind]; more {
		c.enter(b, next)
		return
	}
	c.complete(b)
}

// built is what comes of the phase BUILD.
func (c *CodeBuild) built(b *build) (status types.StatusType, code, message string) {
	if fault, strikes := c.k.Strikes(BuildFails, b.subject()); strikes {
		why := fault.With
		if why == "" {
			why = "exit status 1"
		}
		b.failed = types.StatusTypeFailed
		b.log = []string{"[Container] Running command bash ./build.sh", why, "[Container] Phase complete: BUILD State: FAILED"}
		return b.failed, "COMMAND_EXECUTION_ERROR", "Error while executing command: bash ./build.sh. Reason: " + why
	}
	c.push(b)
	return types.StatusTypeSucceeded, "", ""
}

// push does what the buildspec does at the end: the image gets the tag of its
// revision, and one to publish it.
func (c *CodeBuild) push(b *build) {
	sum := sha256.Sum256([]byte("image of build " + strconv.FormatInt(b.number, 10) + " of " + b.project.name + " " + b.env["IMAGE_TAG"]))
	b.digest = "sha256:" + hex.EncodeToString(sum[:])
	b.release = b.env["RUNNER_RELEASE"]
	switch {
	case b.release != "":
	case c.Release != nil:
		b.release = c.Release()
	default:
		b.release = "2.330.0"
	}
	if _, strikes := c.k.Strikes(ImageMissing, b.subject()); strikes {
		return
	}
	tag := b.env["IMAGE_TAG"]
	if revision := b.env["IMAGE_REVISION"]; revision != "" {
		tag += "-" + revision
	}
	c.ecr.Push(b.digest, tag)
	if publish := b.env["PUBLISH_TAG"]; publish != "" {
		c.ecr.Push(b.digest, publish)
	}
	if fault, strikes := c.k.Strikes(ImageDeleted, b.subject()); strikes {
		c.k.After(fault.For.Duration, func() { c.ecr.Delete(b.digest) })
	}
}

// stop is what StopBuild does.
func (c *CodeBuild) stop(b *build) { c.abort(b, types.StatusTypeStopped, "", "Build was stopped. ") }

// abort ends a build in the phase in which it is.
func (c *CodeBuild) abort(b *build, status types.StatusType, code, message string) {
	if b.over() {
		return
	}
	b.failed = status
	c.close(b, status, code, message)
	c.complete(b)
}

// complete ends a build and lets the next one begin.
func (c *CodeBuild) complete(b *build) {
	stopTimer(b.next)
	stopTimer(b.timeout)
	p := b.project
	if i := slices.Index(p.queue, b); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	} else {
		p.active--
	}
	b.status, b.ended = types.StatusTypeSucceeded, c.k.Now()
	if b.failed != "" {
		b.status = b.failed
	}
	c.open(b, types.BuildPhaseTypeCompleted)
	c.k.Log("build %s of %s ends as %s", b.id, b.subject(), b.status)
	c.stateChanged(b)
	c.dispatch(p)
}

// open begins a phase, which makes no event.
func (c *CodeBuild) open(b *build, kind types.BuildPhaseType) {
	p := &phase{kind: kind, started: c.k.Now()}
	if kind != types.BuildPhaseTypeCompleted {
		p.status = types.StatusTypeInProgress
	}
	b.phases = append(b.phases, p)
}

// close ends the current phase, and only now makes the event about it
// (https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html).
func (c *CodeBuild) close(b *build, status types.StatusType, code, message string) {
	p := b.current()
	p.ended, p.status, p.code, p.message = c.k.Now(), status, code, message
	c.phaseChanged(b, p)
}

package simaws

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Limits of the fleet's projects.
const (
	buildTimeout    = 60 * time.Minute
	onDemandTimeout = 20 * time.Minute
	queuedTimeout   = 60 * time.Minute
)

// build is one build.
type build struct {
	id, arn   string // project:uuid, and the ARN of it
	project   *project
	number    int64
	variables []types.EnvironmentVariable
	env       map[string]string
	status    types.StatusType
	phases    []*phase
	started   time.Time
	ended     time.Time
	digest    string
	release   string
	failed    types.StatusType // what it will end as, if not SUCCEEDED
	held      bool             // in the queue, by a fault
	log       []string

	next, timeout *kernel.Timer
}

// phase is one phase. Its status is IN_PROGRESS until it is over.
type phase struct {
	kind          types.BuildPhaseType
	started       time.Time
	ended         time.Time
	status        types.StatusType
	code, message string // of its context
}

func (b *build) current() *phase { return b.phases[len(b.phases)-1] }

// begun is when a machine was provided for it.
func (b *build) begun() time.Time {
	for _, p := range b.phases {
		if p.kind == types.BuildPhaseTypeProvisioning {
			return p.started
		}
	}
	return time.Time{}
}

func (b *build) over() bool { return !b.ended.IsZero() }

// timeLimit is that of the build's project.
func (b *build) timeLimit() time.Duration {
	if b.env["IMAGE_KIND"] == "on_demand" {
		return onDemandTimeout
	}
	return buildTimeout
}

// subject is what faults know it by: the kind and the name of its image. A build that
// the fleet did not start has its project.
func (b *build) subject() string {
	kind := b.env["IMAGE_KIND"]
	switch kind {
	case "on_demand":
		return kind + "/" + b.env["BASE_IMAGE"]
	case "extra":
		return kind + "/" + b.env["IMAGE_LABEL"]
	case "base":
		return kind + "/" + b.env["PUBLISH_TAG"]
	}
	return b.project.name
}

// reason says why it did not succeed.
func (b *build) reason() string {
	for _, p := range b.phases {
		if p.status != "" && p.status != types.StatusTypeSucceeded && p.status != types.StatusTypeInProgress {
			return p.code + ": " + p.message
		}
	}
	return ""
}

// sdk is the build as BatchGetBuilds shows it.
func (b *build) sdk() types.Build {
	out := types.Build{
		Id: aws.String(b.id), Arn: aws.String(b.arn), ProjectName: aws.String(b.project.name), BuildNumber: aws.Int64(b.number),
		BuildStatus: b.status, BuildComplete: b.over(), CurrentPhase: aws.String(string(b.current().kind)),
		StartTime: aws.Time(b.started), EndTime: instant(b.ended),
		TimeoutInMinutes: aws.Int32(int32(b.timeLimit() / time.Minute)), QueuedTimeoutInMinutes: aws.Int32(int32(queuedTimeout / time.Minute)),
		Environment: &types.ProjectEnvironment{EnvironmentVariables: b.variables},
	}
	for _, v := range b.exported() {
		out.ExportedEnvironmentVariables = append(out.ExportedEnvironmentVariables, types.ExportedEnvironmentVariable{Name: aws.String(v.Name), Value: aws.String(v.Value)})
	}
	for _, p := range b.phases {
		one := types.BuildPhase{PhaseType: p.kind, PhaseStatus: p.status, StartTime: aws.Time(p.started), EndTime: instant(p.ended)}
		if !p.ended.IsZero() {
			one.DurationInSeconds = aws.Int64(int64(p.ended.Sub(p.started) / time.Second))
			one.Contexts = []types.PhaseContext{{StatusCode: aws.String(p.code), Message: aws.String(p.message)}}
		}
		out.Phases = append(out.Phases, one)
	}
	return out
}

// exported are the variables that the buildspec exports at the end of BUILD.
func (b *build) exported() []pairDetail {
	if b.digest == "" || b.failed != "" {
		return nil
	}
	return []pairDetail{{"IMAGE_DIGEST", b.digest}, {"RUNNER_RELEASE", b.release}, {"IMAGE_CLAIM", "identity"}}
}

package simaws

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"

// The kinds of faults. Unless the kind says otherwise, the subject of a fault of ECS
// is <capacity provider>/<startedBy>, such as FARGATE/ci-7-1: of FARGATE/ is on
// demand only, and of FARGATE both providers. The subject of a fault of CodeBuild is
// <kind>/<name> of the image, such as base/latest, extra/gpu or
// on_demand/docker.io/library/node:22.
const (
	NoCapacity       = "ecs.no_capacity"
	Quota            = "ecs.quota"
	ECSThrottled     = "ecs.throttled"
	AnswerLost       = "ecs.answer_lost"
	RunTaskError     = "ecs.run_task_error"
	SlowLaunch       = "ecs.slow_launch"
	PullFails        = "ecs.pull_fails"
	NetworkFails     = "ecs.network_fails"
	NoAddresses      = "ecs.no_addresses"
	SpotInterrupted  = "ecs.spot_interrupted"
	ContainerCrashes = "ecs.container_crashes"
	OutOfMemory      = "ecs.oom"
	SidecarFirst     = "ecs.sidecar_first"
	SidecarLast      = "ecs.sidecar_last"
	TaskMissing      = "ecs.task_missing"
	Hangs            = "ecs.hangs"
	AgentLost        = "ecs.agent_lost"

	BuildTakes         = "codebuild.takes"
	BuildQueued        = "codebuild.queued"
	BuildFails         = "codebuild.fails"
	BuildStopped       = "codebuild.stopped"
	CodeBuildThrottled = "codebuild.throttled"
	BuildAnswerLost    = "codebuild.answer_lost"
	ImageMissing       = "codebuild.image_missing"

	ImageDeleted = "ecr.image_deleted"
	ECRThrottled = "ecr.throttled"
)

// Kinds describes them.
var Kinds = []kernel.Kind{}

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

const (
	failuresPage = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html"
	stoppedPage  = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"
	throttlePage = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html"
	guardDuty    = "https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html; the order: silinternational/ecs-deploy#222"
	phasesPage   = "https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html"
	buildLimits  = "https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html"
)

// Kinds describes them.
var Kinds = []kernel.Kind{
	{Name: NoCapacity, Does: "RunTask has no capacity: a 200 with failures and no task", Source: failuresPage},
	{Name: Quota, Does: "RunTask meets the account's vCPU quota: a 200 with failures and no task", Source: failuresPage},
	{Name: ECSThrottled, Does: "ECS throttles a call; of is the call's name, such as ecs.stop_task", Source: throttlePage},
	{Name: AnswerLost, Does: "RunTask starts the task and its answer is lost", Source: "connections break"},
	{Name: RunTaskError, Does: "RunTask fails with a ServerException and starts nothing", Source: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html"},
	{Name: SlowLaunch, Does: "a task stays PENDING for longer", Source: "aws/containers-roadmap#696; AWS promises no time"},
	{Name: PullFails, Does: "the image cannot be pulled; of is the image, with the reason", Source: stoppedPage},
	{Name: NetworkFails, Does: "a task's network is not set up; with is the reason, drawn from two if there is none", Source: stoppedPage},
	{Name: NoAddresses, Does: "a subnet has no free address; of is the subnet", Source: stoppedPage},
	{Name: SpotInterrupted, Does: "Spot takes a task back, for after its start", Source: "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html"},
	{Name: ContainerCrashes, Does: "the container exits before its program did anything; with is the exit code, 1 if there is none", Source: stoppedPage},
	{Name: OutOfMemory, Does: "the container is killed for its memory, for after its start", Source: stoppedPage},
	{Name: SidecarFirst, Does: "a task has a container of GuardDuty before the runner's; with is its exit code", Source: guardDuty},
	{Name: SidecarLast, Does: "a task has a container of GuardDuty behind the runner's; with is its exit code", Source: guardDuty},
	{Name: TaskMissing, Does: "DescribeTasks does not know a new task for a while", Source: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html, eventual consistency"},
	{Name: Hangs, Does: "the container goes on after its program has ended, until the task is stopped", Source: "containers have more than one process"},
	{Name: AgentLost, Does: "a task's machine is lost, for after its start; ECS notices minutes later, and there is no exit code", Source: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html, stopCode InfrastructureHealth"},

	{Name: BuildTakes, Does: "a state: the phase BUILD takes for", Source: "builds take as long as their Dockerfiles do"},
	{Name: BuildQueued, Does: "a build stays in the queue for that long", Source: buildLimits},
	{Name: BuildFails, Does: "the phase BUILD fails; with is the reason", Source: phasesPage},
	{Name: BuildStopped, Does: "an operator stops a build, for after its phase BUILD began, or in its middle", Source: "https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StopBuild.html"},
	{Name: CodeBuildThrottled, Does: "CodeBuild throttles a call; of is the call's name, such as codebuild.start_build", Source: "https://docs.aws.amazon.com/codebuild/latest/APIReference/CommonErrors.html"},
	{Name: BuildAnswerLost, Does: "StartBuild starts the build and its answer is lost", Source: "connections break"},
	{Name: ImageMissing, Does: "a build succeeds, and its image is not in the repository", Source: "a lifecycle rule, or an operator, was faster"},

	{Name: ImageDeleted, Does: "an image is deleted, for after it was pushed", Source: "https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html"},
	{Name: ECRThrottled, Does: "ECR throttles a call; of is the call's name, such as ecr.batch_get_image", Source: "https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"},
}

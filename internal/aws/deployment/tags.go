package deployment

// Keys of tags. FleetTag, with the fleet's name, is on everything that can have a tag:
// what the deployment makes, tasks and task definitions. RunnerTag is on tasks.
const (
	FleetTag  = "ecsrunner:fleet"
	RunnerTag = "ecsrunner:runner"
)

package runnerfleet

import "github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"

// arns are the ARNs in the permissions of roles. Each role gets the ARNs of what is
// made before it; if its permissions name another ARN, every synthesis fails.
type arns struct {
	table, classSizes                               *string
	gitHub, webhookSecrets                          []*string // as IAM may see a secret that is given by its name
	claimKey                                        *string
	bus, failedEvents, missedSweeps                 *string
	stateMachine, executions                        *string
	cluster, tasks, taskDefinitions                 *string
	executionRole, taskRole                         *string
	repository, buildSource, assetBucket, buildLogs *string
	projects                                        []*string
	baseImages, dockerHub, dockerHubCache           []*string // none unless the configuration names them
	functionNetwork                                 *string   // nil unless functions are in a VPC
	runnerLogs                                      *string
	ownLogs                                         *string // of the role's function or project
	sweep                                           *string
	steps                                           []*string
}

// named are the ARNs by their names in package grants.
func (a arns) named() map[string][]string {
	return map[string][]string{
		grants.Table:           given(a.table),
		grants.Bus:             given(a.bus),
		grants.StateMachine:    given(a.stateMachine),
		grants.Executions:      given(a.executions),
		grants.Cluster:         given(a.cluster),
		grants.Tasks:           given(a.tasks),
		grants.TaskDefinitions: given(a.taskDefinitions),
		grants.Repository:      given(a.repository),
		grants.Projects:        given(a.projects...),
		grants.ClassSizes:      given(a.classSizes),
		grants.GitHub:          given(a.gitHub...),
		grants.WebhookSecrets:  given(a.webhookSecrets...),
		grants.ClaimKey:        given(a.claimKey),
		grants.FailedEvents:    given(a.failedEvents),
		grants.MissedSweeps:    given(a.missedSweeps),
		grants.ExecutionRole:   given(a.executionRole),
		grants.TaskRole:        given(a.taskRole),
		grants.RunnerLogs:      given(a.runnerLogs),
		grants.BuildSource:     given(a.buildSource),
		grants.BuildLogs:       given(a.buildLogs),
		grants.BaseImages:      given(a.baseImages...),
		grants.DockerHub:       given(a.dockerHub...),
		grants.DockerHubCache:  given(a.dockerHubCache...),
		grants.FunctionNetwork: given(a.functionNetwork),
		grants.AssetBucket:     given(a.assetBucket),
		grants.Sweep:           given(a.sweep),
		grants.Steps:           given(a.steps...),
		grants.OwnLogs:         given(a.ownLogs),
	}
}

func given(arns ...*string) (all []string) {
	for _, arn := range arns {
		if arn != nil {
			all = append(all, *arn)
		}
	}
	return all
}

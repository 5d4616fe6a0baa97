package ecsfleet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	capacity = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
	taskARN  = "arn:aws:ecs:r:1:task/ci/0123456789abcdef0123456789abcdef"
)

func launch() fleet.TaskLaunch {
	return fleet.TaskLaunch{
		RunnerID: "ci-7-1", ClientToken: "ci-7-1.0", TaskDefinition: "arn:aws:ecs:r:1:task-definition/ci-abc:1", CPU: 1024, Memory: 2048, CapacityProvider: fleet.Fargate,
		Env: map[string]string{"B": "2", "A": "1", "D": "4", "C": "3"},
	}
}

// What each exception of RunTask means. "" is the task that the exception names.
func TestLaunchExceptions(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
		says string
	}{
		"a throttle":                          {code(400, "ThrottlingException", "Rate exceeded"), fleet.RunnerLaunchUnclear, "asks again"},
		"a mistake of ECS":                    {answered(500, &types.ServerException{Message: aws.String("Service Unavailable. Please try again later.")}), fleet.RunnerLaunchUnclear, "asks again"},
		"a service that is away":              {answered(503, errors.New("no JSON")), fleet.RunnerLaunchUnclear, "no answer"},
		"a lost answer":                       {errNoConnection, fleet.RunnerLaunchUnclear, "no answer"},
		"no time left":                        {&aws.RequestCanceledError{Err: context.DeadlineExceeded}, fleet.RunnerLaunchUnclear, "no answer"},
		"credentials that have run out":       {code(400, "ExpiredTokenException", "The security token included in the request is expired"), fleet.RunnerLaunchUnclear, "asks again"},
		"a throttle of EC2's in disguise":     {invalid("Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)"), fleet.RunnerLaunchUnclear, "asks again"},
		"the same of a subnet":                {invalid("Error retrieving subnet information for [subnet-1]: Request limit exceeded. (Service: AmazonEC2)"), fleet.RunnerLaunchUnclear, "asks again"},
		"an account's first task":             {invalid("Unable to assume the service linked role. Please verify that the ECS service linked role exists."), fleet.RunnerLaunchUnclear, "first task"},
		"a first deployment under way":        {invalid("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again."), fleet.RunnerLaunchUnclear, "deploy again"},
		"a definition deregistered meanwhile": {clientError("TaskDefinition is inactive"), fleet.RunnerDefinitionGone, "registers it anew"},
		"a definition deleted meanwhile":      {clientError("TaskDefinition not found."), fleet.RunnerDefinitionGone, "registers it anew"},
		"the same token for another request":  {answered(400, &types.ConflictException{ResourceIds: []string{taskARN}}), "", ""},
		"the same without a task":             {answered(400, &types.ConflictException{}), fleet.RunnerLaunchUnclear, "does not name"},
		"no capacity, as an exception":        {clientError(capacity), fleet.RunnerNoCapacity, "more subnet_ids"},
		"the vCPU quota, as an exception":     {clientError("You’ve reached the limit on the number of vCPUs you can run concurrently"), fleet.RunnerQuotaExceeded, "quota"},
		"the task quota of old":               {clientError("You've reached the limit on the number of tasks you can run concurrently"), fleet.RunnerQuotaExceeded, "quota"},
		"an impossible size":                  {clientError("No Fargate configuration exists for given values."), fleet.RunnerLaunchFailed, "runner_class_sizes"},
		"a security group that there is not":  {invalid("Error retrieving security group information for [sg-1]: The security group 'sg-1' does not exist (ErrorCode: InvalidGroup.NotFound)"), fleet.RunnerLaunchFailed, "security_groups"},
		"a subnet that there is not":          {invalid("Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' does not exist"), fleet.RunnerLaunchFailed, "subnet_ids"},
		"another wrong parameter":             {invalid("Invalid tag key"), fleet.RunnerLaunchFailed, "Invalid tag key"},
		"another mistake of the client":       {clientError("Tasks failed to be placed"), fleet.RunnerLaunchFailed, "Tasks failed"},
		"a cluster that there is not":         {answered(400, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}), fleet.RunnerLaunchFailed, "Cluster not found; the cluster was deleted"},
		"a platform that cannot run it":       {answered(400, &types.PlatformTaskDefinitionIncompatibilityException{}), fleet.RunnerLaunchFailed, "arch"},
		"a feature that the region lacks":     {answered(400, &types.UnsupportedFeatureException{}), fleet.RunnerLaunchFailed, "region"},
		"a blocked account":                   {answered(400, &types.BlockedException{Message: aws.String("Your account is currently blocked.")}), fleet.RunnerLaunchFailed, "AWS Support"},
		"a permission that lacks":             {answered(400, &types.AccessDeniedException{Message: aws.String("User: arn:aws:sts::123456789012:assumed-role/" + strings.Repeat("long", 60) + " is not authorized")}), fleet.RunnerLaunchFailed, "iam:PassRole"},
		"an exception that nobody knows":      {code(400, "NewException", "new"), fleet.RunnerLaunchFailed, "new"},
		"one of ECS's own that nobody knows":  {code(502, "NewFailure", "new"), fleet.RunnerLaunchUnclear, "new"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			task, err := newPlatform(&cluster{runErr: test.err}).Launch(t.Context(), launch())
			checkVerdict(t, err, test.want, test.says)
			if (task.ARN == taskARN) != (test.want == "") {
				t.Errorf("got task %q", task.ARN)
			}
			if err != nil && errors.Unwrap(err) == nil {
				t.Error("the cause is lost")
			}
		})
	}
}

// What each failure of a RunTask that ECS answered with 200 means.
func TestLaunchFailures(t *testing.T) {
	tests := map[string]struct {
		reason, detail string
		want           string
		says           string
	}{
		"no capacity":                         {capacity, "", fleet.RunnerNoCapacity, "different availability zone; the fleet tries again"},
		"the vCPU quota":                      {"You've reached the limit on the number of vCPUs you can run concurrently", "", fleet.RunnerQuotaExceeded, "quota"},
		"the same with the other apostrophe":  {"You’ve reached the limit on the number of vCPUs you can run concurrently", "", fleet.RunnerQuotaExceeded, "quota"},
		"no CPU":                              {"RESOURCE:CPU", "", fleet.RunnerNoCapacity, "RESOURCE:CPU"},
		"no memory":                           {"RESOURCE:MEMORY", "", fleet.RunnerNoCapacity, "RESOURCE:MEMORY"},
		"no network interface":                {"RESOURCE:ENI", "", fleet.RunnerNoCapacity, "RESOURCE:ENI"},
		"no agent":                            {"AGENT", "", fleet.RunnerNoCapacity, "AGENT"},
		"something is not there":              {"MISSING", "cluster", fleet.RunnerLaunchFailed, "MISSING (cluster)"},
		"something is inactive":               {"INACTIVE", "", fleet.RunnerLaunchFailed, "INACTIVE"},
		"a place that does not fit":           {"LOCATION", "", fleet.RunnerLaunchFailed, "LOCATION"},
		"an attribute that does not fit":      {"ATTRIBUTE", "", fleet.RunnerLaunchFailed, "ATTRIBUTE"},
		"a reason that nobody knows":          {"PHASE OF THE MOON", "", fleet.RunnerLaunchUnclear, "PHASE OF THE MOON"},
		"no reason at all":                    {"", "", fleet.RunnerLaunchUnclear, ""},
		"a throttle in the place of a reason": {"Rate exceeded", "", fleet.RunnerLaunchUnclear, "asks again"},
		"a reason with a very long detail":    {"ATTRIBUTE", strings.Repeat("’", 500), fleet.RunnerLaunchFailed, "…; correct"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			ran := &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: aws.String(test.reason), Detail: aws.String(test.detail)}}}
			_, err := newPlatform(&cluster{ran: ran}).Launch(t.Context(), launch())
			checkVerdict(t, err, test.want, test.says)
		})
	}
	t.Run("neither a task nor a failure", func(t *testing.T) {
		_, err := newPlatform(&cluster{ran: &ecs.RunTaskOutput{}}).Launch(t.Context(), launch())
		checkVerdict(t, err, fleet.RunnerLaunchUnclear, "neither")
	})
	t.Run("a task and a failure", func(t *testing.T) {
		ran := &ecs.RunTaskOutput{Tasks: []types.Task{{TaskArn: aws.String(taskARN)}}, Failures: []types.Failure{{Reason: aws.String("AGENT")}}}
		task, err := newPlatform(&cluster{ran: ran}).Launch(t.Context(), launch())
		if err != nil || task.ARN != taskARN {
			t.Errorf("got %+v, %v", task, err)
		}
	})
}

func checkVerdict(t *testing.T, err error, want, says string) {
	t.Helper()
	if got := fleet.ErrorName(err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	if err == nil {
		return
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "; ") || !strings.HasPrefix(err.Error(), "ECS ") {
		t.Errorf("it does not say %q and what to do: %s", says, err)
	}
	if n := utf8.RuneCountInString(err.Error()); n > most || !utf8.ValidString(err.Error()) {
		t.Errorf("%d characters: %s", n, err)
	}
}

func TestLaunchAsksFor(t *testing.T) {
	spot := launch()
	spot.CapacityProvider, spot.EphemeralStorage = fleet.FargateSpot, 50
	leftOut := func(ids ...string) fleet.TaskLaunch {
		without := launch()
		without.LeftOut = ids
		return without
	}
	subnets := func(want ...string) func(*ecs.RunTaskInput) bool {
		return func(in *ecs.RunTaskInput) bool {
			return slices.Equal(in.NetworkConfiguration.AwsvpcConfiguration.Subnets, want)
		}
	}
	tests := map[string]struct {
		launch fleet.TaskLaunch
		check  func(*ecs.RunTaskInput) bool
	}{
		"one task":           {launch(), func(in *ecs.RunTaskInput) bool { return *in.Count == 1 && *in.Cluster == "ci" }},
		"the runner by name": {launch(), func(in *ecs.RunTaskInput) bool { return *in.StartedBy == "ci-7-1" && *in.ClientToken == "ci-7-1.0" }},
		"on demand":          {launch(), func(in *ecs.RunTaskInput) bool { return *in.CapacityProviderStrategy[0].CapacityProvider == "FARGATE" }},
		"spot": {spot, func(in *ecs.RunTaskInput) bool {
			return *in.CapacityProviderStrategy[0].CapacityProvider == "FARGATE_SPOT"
		}},
		"no launch type beside it": {launch(), func(in *ecs.RunTaskInput) bool { return in.LaunchType == "" }},
		"its size":                 {launch(), func(in *ecs.RunTaskInput) bool { return *in.Overrides.Cpu == "1024" && *in.Overrides.Memory == "2048" }},
		"Fargate's own storage":    {launch(), func(in *ecs.RunTaskInput) bool { return in.Overrides.EphemeralStorage == nil }},
		"more storage":             {spot, func(in *ecs.RunTaskInput) bool { return in.Overrides.EphemeralStorage.SizeInGiB == 50 }},
		"no roles of its own": {launch(), func(in *ecs.RunTaskInput) bool {
			return in.Overrides.TaskRoleArn == nil && in.Overrides.ExecutionRoleArn == nil
		}},
		"no way in": {launch(), func(in *ecs.RunTaskInput) bool { return !in.EnableExecuteCommand }},
		"an address": {launch(), func(in *ecs.RunTaskInput) bool {
			return in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp == "ENABLED"
		}},
		"each subnet":                  {launch(), subnets("subnet-2", "subnet-1")},
		"no subnet that is left out":   {leftOut("subnet-2"), subnets("subnet-1")},
		"each, if there are no others": {leftOut("subnet-2", "subnet-1"), subnets("subnet-2", "subnet-1")},
		"the environment, in order": {launch(), func(in *ecs.RunTaskInput) bool {
			env := in.Overrides.ContainerOverrides[0].Environment
			return len(env) == 4 && *env[0].Name == "A" && *env[1].Name == "B" && *env[3].Value == "4"
		}},
		"the tags": {launch(), func(in *ecs.RunTaskInput) bool {
			return *in.Tags[0].Value == "ci" && *in.Tags[1].Value == "ci-7-1" && in.PropagateTags == "TASK_DEFINITION"
		}},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			c := &cluster{ran: &ecs.RunTaskOutput{Tasks: []types.Task{{TaskArn: aws.String(taskARN)}}}}
			if _, err := newPlatform(c).Launch(t.Context(), test.launch); err != nil {
				t.Fatal(err)
			}
			if !test.check(c.launched[0]) {
				t.Errorf("asked for %+v", c.launched[0])
			}
		})
	}
}

// wire keeps what the SDK sends and gives one answer, or none.
type wire struct {
	bodies []string
	status int
	answer string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	w.bodies = append(w.bodies, string(body))
	if err != nil || w.status == 0 {
		return nil, errors.Join(err, errNoConnection)
	}
	return &http.Response{StatusCode: w.status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(w.answer))}, nil
}

func wired(w *wire) Platform {
	p := newPlatform(nil)
	p.ECS = ecs.New(ecs.Options{Region: "r", HTTPClient: w, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	return p
}

// ECS refuses a client token that comes with other bytes than before.
func TestARepeatedLaunchIsTheSameByteForByte(t *testing.T) {
	w := &wire{}
	for range 50 {
		_, err := wired(w).Launch(t.Context(), launch())
		checkVerdict(t, err, fleet.RunnerLaunchUnclear, "no answer")
	}
	for _, body := range w.bodies {
		if body != w.bodies[0] || body == "" {
			t.Fatalf("one is\n%s\nand another\n%s", w.bodies[0], body)
		}
	}
}

// The SDK decodes ECS's JSON to the values that the tables above use.
func TestLaunchReadsWhatECSSends(t *testing.T) {
	tests := map[string]struct {
		status int
		answer string
		want   string
		says   string
	}{
		"a task":                 {200, `{"tasks":[{"taskArn":"` + taskARN + `"}],"failures":[]}`, "", ""},
		"the same token":         {400, `{"__type":"ConflictException","message":"used","resourceIds":["` + taskARN + `"]}`, "", ""},
		"the quota":              {200, `{"tasks":[],"failures":[{"reason":"You\u2019ve reached the limit on the number of vCPUs you can run concurrently"}]}`, fleet.RunnerQuotaExceeded, "quota"},
		"a throttle":             {400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`, fleet.RunnerLaunchUnclear, "Rate exceeded"},
		"a throttle in disguise": {400, `{"__type":"InvalidParameterException","message":"Error retrieving security group information for [sg-1]: Request limit exceeded."}`, fleet.RunnerLaunchUnclear, "asks again"},
		"a mistake of ECS":       {500, `{"__type":"ServerException","message":"Service Unavailable"}`, fleet.RunnerLaunchUnclear, "Service Unavailable"},
		"a page of a proxy":      {503, `<html>`, fleet.RunnerLaunchUnclear, "no answer"},
		"a refusal":              {400, `{"__type":"com.amazonaws.ecs#ClusterNotFoundException","message":"Cluster not found."}`, fleet.RunnerLaunchFailed, "deploy again"},
		"a permission":           {400, `{"__type":"AccessDeniedException","Message":"User is not authorized to perform: ecs:RunTask"}`, fleet.RunnerLaunchFailed, "iam:PassRole"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			task, err := wired(&wire{status: test.status, answer: test.answer}).Launch(t.Context(), launch())
			checkVerdict(t, err, test.want, test.says)
			if (task.ARN == taskARN) != (test.want == "") {
				t.Errorf("got task %q", task.ARN)
			}
		})
	}
}

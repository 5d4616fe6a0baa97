//go:build aws

package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// TestScriptsOnAWS runs the scripts for a fleet on AWS against moto: its table,
// parameter and log group, and executions of the real state machine. Only stacks come
// from a stand-in, since moto's CloudFormation needs thirty more packages.
func TestScriptsOnAWS(t *testing.T) {
	functions := newWalks(t)
	cfg := awstest.StateMachines(t, functions)
	machine := functions.play(t, cfg)
	f := fleetOnMoto{t, cfg}
	f.table("ci-records")
	f.table("ci-fresh")
	f.parameter("/ci/classes", `{"small":{"cpu":512,"memory":1024},"large":{"cpu":4096,"memory":8192,"spot":true}}`)
	f.records("ci-records")
	f.log("/ecsrunner/ci/runners", "runner/runner/0a1b", "claiming as ci-1001-1", "\x1b[31mred\x1b[0m", "done")

	outputs := map[string]string{
		deployment.OutputFleetName: "ci", deployment.OutputTable: "ci-records", deployment.OutputClassSizes: "/ci/classes",
		deployment.OutputStateMachine: machine, deployment.OutputRunnerLogs: "/ecsrunner/ci/runners",
		deployment.OutputCluster: "ci-cluster", deployment.OutputWebhookURL: "https://abc.example/webhook",
	}
	fresh := map[string]string{deployment.OutputFleetName: "fresh", deployment.OutputTable: "ci-fresh", deployment.OutputClassSizes: "/ci/classes"}
	stacks := httptest.NewServer(describeStacks{
		"ecsrunner-ci":    {"UPDATE_COMPLETE", outputs},
		"ecsrunner-fresh": {"CREATE_COMPLETE", fresh},
		"making":          {"CREATE_IN_PROGRESS", nil},
		"website":         {"CREATE_COMPLETE", map[string]string{"Url": "https://abc.example"}},
	})
	t.Cleanup(stacks.Close)

	testscript.Run(t, testscript.Params{
		Dir: "testdata/aws", RequireExplicitExec: true, Cmds: scriptCommands,
		Setup: func(env *testscript.Env) error {
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL": *cfg.BaseEndpoint, "AWS_ENDPOINT_URL_CLOUDFORMATION": stacks.URL, "AWS_REGION": cfg.Region,
				"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
				"MACHINE": machine, "TZ": "UTC", "GORACE": "atexit_sleep_ms=0", "NO_PROXY": "*",
			} {
				env.Setenv(name, value)
			}
			return nil
		},
	})
}

// describeStacks stands in for CloudFormation's DescribeStacks.
type describeStacks map[string]struct {
	status  string
	outputs map[string]string
}

func (d describeStacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("StackName")
	stack, ok := d[name]
	w.Header().Set("Content-Type", "text/xml")
	fail := func(status int, code, message string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code, message)
	}
	switch {
	case r.FormValue("Action") != "DescribeStacks":
		fail(http.StatusBadRequest, "InvalidAction", "only DescribeStacks is here")
	case name == "denied":
		fail(http.StatusForbidden, "AccessDenied", "User: arn:aws:iam::123456789012:user/me is not authorized to perform: cloudformation:DescribeStacks")
	case !ok:
		fail(http.StatusBadRequest, "ValidationError", "Stack with id "+name+" does not exist")
	default:
		fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>%s</StackName><StackStatus>%s</StackStatus><Outputs>`, name, stack.status)
		for key, value := range stack.outputs {
			fmt.Fprintf(w, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, key, html.EscapeString(value))
		}
		fmt.Fprint(w, `</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}
}

// walks are the functions of the state machine: they answer as in the state machine's
// own tests, in the walk that belongs to an execution.
type walks struct {
	input json.RawMessage
	usual map[string]saying
	queue map[string]map[string][]saying // by execution and state

	mu      sync.Mutex
	token   string // of the task that waits
	waiting saying
	t       *testing.T
}

// saying is a function's answer, or the signal after it.
type saying struct {
	Returns, Completes json.RawMessage
	Raises             *struct{ Name, Cause string }
}

func newWalks(t *testing.T) *walks {
	t.Helper()
	text, err := os.ReadFile("../../statemachine/testdata/walks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Input json.RawMessage
		Usual map[string]saying
		Walks map[string]map[string][]saying
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return &walks{t: t, input: file.Input, usual: file.Usual, queue: map[string]map[string][]saying{
		"ci-1001-1": file.Walks["a job that runs"],
		"ci-1002-1": file.Walks["a build that cannot be started"],
	}}
}

// play runs one execution of each walk to its end, and returns the state machine.
func (w *walks) play(t *testing.T, cfg aws.Config) (machine string) {
	t.Helper()
	client := sfn.NewFromConfig(cfg)
	definition := string(statemachine.Definition)
	for name, value := range statemachine.Values(statemachine.AWS, func(step string) string { return "arn:aws:lambda:us-east-1:123456789012:function:" + step }) {
		definition = strings.ReplaceAll(definition, "${"+name+"}", value)
	}
	made, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("ci-runner"), Definition: &definition, RoleArn: aws.String("arn:aws:iam::123456789012:role/none"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range w.queue {
		started, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: made.StateMachineArn, Name: &name, Input: aws.String(string(w.input))})
		if err != nil {
			t.Fatal(err)
		}
		w.await(client, started.ExecutionArn)
	}
	return *made.StateMachineArn
}

// await waits until an execution has ended, and completes its tasks on the way. moto
// loses a signal that comes before it waits for one, so await looks twice before it
// completes what waits.
func (w *walks) await(client *sfn.Client, arn *string) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last int64
	for limit := time.After(patience); ; {
		out, err := client.GetExecutionHistory(w.t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: arn, MaxResults: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(out.Events) > 0 {
			switch e := out.Events[len(out.Events)-1]; {
			case e.Type == sfntypes.HistoryEventTypeExecutionSucceeded, e.Type == sfntypes.HistoryEventTypeExecutionFailed:
				return
			case e.Type == sfntypes.HistoryEventTypeTaskSubmitted && e.Id == last:
				w.complete(client)
			default:
				last = e.Id
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			w.t.Fatalf("%s does not end", *arn)
		}
	}
}

// complete signals the waiting task. It repeats the signal until the execution goes on.
func (w *walks) complete(client *sfn.Client) {
	w.mu.Lock()
	token, says := w.token, w.waiting
	w.mu.Unlock()
	_, err := client.SendTaskSuccess(w.t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(says.Completes))})
	if err != nil {
		w.t.Logf("signal: %v", err)
	}
}

// ServeHTTP is AWS Lambda's Invoke.
func (w *walks) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	var call struct {
		RunnerID string `json:"runner_id"`
		State    string `json:"state"`
		Token    string `json:"task_token"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &call) != nil {
		http.Error(out, "no call", http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	says := w.usual[call.State]
	if queue := w.queue[call.RunnerID][call.State]; len(queue) > 0 {
		says, w.queue[call.RunnerID][call.State] = queue[0], queue[1:]
	}
	if call.Token != "" {
		w.token, w.waiting = call.Token, says
	}
	w.mu.Unlock()
	out.Header().Set("Content-Type", "application/json")
	switch {
	case says.Raises != nil:
		out.Header().Set("X-Amz-Function-Error", "Unhandled")
		fmt.Fprintf(out, `{"errorMessage":%q,"errorType":%q}`, says.Raises.Cause, says.Raises.Name)
	case says.Returns != nil:
		_, _ = out.Write(says.Returns)
	default:
		fmt.Fprint(out, `"what a function with a token returns is of no interest"`)
	}
}

// fleetOnMoto makes what a deployment would make.
type fleetOnMoto struct {
	t   *testing.T
	cfg aws.Config
}

func (f fleetOnMoto) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f fleetOnMoto) table(name string) {
	f.t.Helper()
	d := dynamo.TableDefinition()
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	attributes := []string{d.PartitionKey, d.SortKey}
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys(d.PartitionKey, d.SortKey)}
	for _, index := range d.Indexes {
		attributes = append(attributes, index.PartitionKey, index.SortKey)
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(index.Name), KeySchema: keys(index.PartitionKey, index.SortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		})
	}
	slices.Sort(attributes)
	for _, attribute := range slices.Compact(attributes) {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS})
	}
	_, err := dynamodb.NewFromConfig(f.cfg).CreateTable(f.t.Context(), in)
	f.check(err)
}

func (f fleetOnMoto) parameter(name, value string) {
	f.t.Helper()
	_, err := ssm.NewFromConfig(f.cfg).PutParameter(f.t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString})
	f.check(err)
}

// records are those of a job that ran, of one whose image could not be built, and
// of one whose runner is just starting.
func (f fleetOnMoto) records(table string) {
	f.t.Helper()
	store := dynamo.New(dynamodb.NewFromConfig(f.cfg), table, dynamo.Options{Now: time.Now, NewID: rand.Text})
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	after := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	job := func(id int64, name string) fleet.Job {
		return fleet.Job{JobID: id, Repository: "octo-org/hello", Name: name, Labels: []string{"self-hosted", "class:small"}}
	}
	f.check(store.Write(f.t.Context(), fleet.Changes{
		Runs: []fleet.Run{
			{Schema: fleet.Schema, RunID: "job-1001", Job: job(1001, "build"), Status: fleet.RunCompleted, Conclusion: "success", RanOn: "ci-1001-1", LastRunner: "ci-1001-1",
				Launched: 1, ClassName: "small", Image: "base",
				Times: fleet.Times{fleet.StageReceived: after(0), fleet.StageQueued: after(0), fleet.StageJobStarted: after(40), fleet.StageJobCompleted: after(100), fleet.StageClosed: after(101)}},
			{Schema: fleet.Schema, RunID: "job-1002", Job: job(1002, "test\x1b[31m"), Status: fleet.RunFailed, Reason: "the last build failed two minutes ago", LastRunner: "ci-1002-1",
				Launched: 1, ClassName: "small", Image: "image:docker.io/library/node:99", Times: fleet.Times{fleet.StageReceived: after(10)}},
			{Schema: fleet.Schema, RunID: "job-1003", Job: job(1003, "lint"), Status: fleet.RunQueued, RunnerID: "ci-1003-1", Launched: 1, Times: fleet.Times{fleet.StageReceived: after(20)}},
		},
		Runners: []fleet.Runner{
			{RunnerID: "ci-1001-1", RunID: "job-1001", Status: fleet.RunnerOffline, Phase: fleet.Closed, Took: 1001, TaskARN: "arn:aws:ecs:us-east-1:123456789012:task/ci/0a1b",
				TaskStatus: fleet.TaskStopped, Times: fleet.Times{fleet.StageLaunched: after(1), fleet.StageTaskStopped: after(100)}},
			{RunnerID: "ci-1002-1", RunID: "job-1002", Status: fleet.RunnerFailed, Phase: fleet.Closed, FailureName: "Image.BuildFailed", Times: fleet.Times{fleet.StageLaunched: after(11)}},
			{RunnerID: "ci-1003-1", RunID: "job-1003", Status: fleet.RunnerStarting, Phase: fleet.Open, TaskARN: "arn:aws:ecs:us-east-1:123456789012:task/ci/0c3d", TaskToken: "AQCE-of-the-record",
				TaskStatus: "PENDING", Times: fleet.Times{fleet.StageLaunched: after(21)}},
		},
		Capacity: &fleet.Capacity{Open: 1},
	}))
	f.check(store.PutSettings(f.t.Context(), report.Settings{
		FleetName: "ci", Repositories: []string{"octo-org/hello"}, MaxRunners: 20, DefaultClass: "small", Engine: "fargate", StartedAt: noon,
		ClassSizes: map[string]fleet.Class{"former": {CPU: 256, Memory: 512}},
	}))
}

func (f fleetOnMoto) log(group, stream string, lines ...string) {
	f.t.Helper()
	client := cloudwatchlogs.NewFromConfig(f.cfg)
	_, err := client.CreateLogGroup(f.t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	f.check(err)
	_, err = client.CreateLogStream(f.t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	f.check(err)
	f.moreLog(group, stream, lines...)
}

func (f fleetOnMoto) moreLog(group, stream string, lines ...string) {
	f.t.Helper()
	var events []logtypes.InputLogEvent
	for i, line := range lines {
		events = append(events, logtypes.InputLogEvent{Message: aws.String(line), Timestamp: aws.Int64(time.Now().UnixMilli() - int64(len(lines)-i))})
	}
	_, err := cloudwatchlogs.NewFromConfig(f.cfg).PutLogEvents(f.t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
	f.check(err)
}

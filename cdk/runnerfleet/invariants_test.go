package runnerfleet_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

func TestThereIsAFunctionForEachFolder(t *testing.T) {
	built := golden(t)
	if n := len(built.list("AWS::Lambda::Function")); n != len(functions.All) {
		t.Errorf("%d functions for %d folders", n, len(functions.All))
	}
	for _, f := range functions.All {
		name := f.Folder()
		p := built.function(name).Properties
		got := []any{p["Runtime"], p["Architectures"], p["Handler"], at[string](p, "LoggingConfig", "LogFormat"), at[string](p, "TracingConfig", "Mode")}
		if diff := cmp.Diff([]any{"provided.al2023", []any{"arm64"}, "bootstrap", "JSON", "Active"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if memory := at[float64](p, "MemorySize"); memory < 256 || memory > 512 {
			t.Errorf("%s has %v MiB: too little for TLS at a cold start, or more than it needs", name, memory)
		}
	}
}

func TestNobodyWaitsForAFunctionThatGoesOn(t *testing.T) {
	built := golden(t)
	seconds := func(name string) float64 { return at[float64](built.function(name).Properties, "Timeout") }
	if s := seconds("webhook"); s >= 10 {
		t.Errorf("webhook may take %vs: GitHub gives up after ten", s)
	}
	if s := seconds("claim"); s >= 30 {
		t.Errorf("claim may take %vs: the HTTP API gives up after thirty", s)
	}
	var definition struct {
		States map[string]struct {
			Resource       string
			TimeoutSeconds float64
		}
	}
	if err := json.Unmarshal(statemachine.Definition, &definition); err != nil {
		t.Fatal(err)
	}
	held := 0
	for name, state := range definition.States {
		step, ok := strings.CutSuffix(strings.TrimPrefix(state.Resource, "${"), "FunctionArn}")
		if !ok {
			continue
		}
		held++
		if s := seconds(strings.ToLower(step)); s >= state.TimeoutSeconds {
			t.Errorf("state %s gives up after %vs, and its function may take %vs", name, state.TimeoutSeconds, s)
		}
	}
	if held == 0 {
		t.Error("no state was held to its function")
	}
}

// TestPlaceholdersSubstitutionsFunctions reads all three from where they are.
func TestPlaceholdersSubstitutionsFunctions(t *testing.T) {
	built := golden(t)
	machine := built.only("AWS::StepFunctions::StateMachine").Properties
	placeholders := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([^}]*)\}`).FindAllStringSubmatch(string(statemachine.Definition), -1) {
		placeholders[m[1]] = true
	}
	substitutions := at[map[string]any](machine, "DefinitionSubstitutions")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(placeholders)), slices.Sorted(maps.Keys(substitutions))); diff != "" {
		t.Errorf("(-placeholders +substitutions)\n%s", diff)
	}
	invoked := ""
	for _, s := range built.statements() {
		if strings.Contains(s.of, "LifecycleRole") && slices.Contains(s.actions, "lambda:InvokeFunction") {
			invoked = strings.Join(s.resources, " ")
		}
	}
	for _, step := range statemachine.Steps() {
		id := at[string](substitutions[step+"FunctionArn"], "Fn::GetAtt", 0)
		name, _ := built.Resources[id].Properties["FunctionName"].(string)
		if name != "fleet-"+strings.ToLower(step) || !strings.Contains(invoked, `"`+id+`"`) {
			t.Errorf("step %s is function %q (%s), and may be invoked: %s", step, name, id, invoked)
		}
	}
	if strings.Count(invoked, "Fn::GetAtt") != len(statemachine.Steps()) {
		t.Errorf("the state machine may invoke %s", invoked)
	}
}

func TestTheStateMachineIsTracedAndLogsNoData(t *testing.T) {
	machine := golden(t).only("AWS::StepFunctions::StateMachine").Properties
	if at[bool](machine, "LoggingConfiguration", "IncludeExecutionData") || at[string](machine, "LoggingConfiguration", "Level") != "ERROR" || !at[bool](machine, "TracingConfiguration", "Enabled") {
		t.Errorf("logging %v, tracing %v", machine["LoggingConfiguration"], machine["TracingConfiguration"])
	}
	// It starts by its name, since what starts it is made before it.
	if machine["StateMachineName"] != "fleet-runner" || !strings.Contains(flat(golden(t).function("dispatch").variables()[deployment.EnvStateMachine]), ":stateMachine:fleet-runner") {
		t.Errorf("state machine %v", machine["StateMachineName"])
	}
}

func TestTheTableIsWhatTheStoreNeeds(t *testing.T) {
	p := golden(t).only("AWS::DynamoDB::Table").Properties
	want := deployment.TableDefinition()
	keys := func(schema any) (names []string) {
		for _, key := range several(schema) {
			names = append(names, at[string](key, "KeyType")+" "+at[string](key, "AttributeName"))
		}
		return names
	}
	if diff := cmp.Diff([]string{"HASH " + want.PartitionKey, "RANGE " + want.SortKey}, keys(p["KeySchema"])); diff != "" {
		t.Error(diff)
	}
	indexes := several(p["GlobalSecondaryIndexes"])
	if len(indexes) != len(want.Indexes) {
		t.Fatalf("%d indexes, want %d", len(indexes), len(want.Indexes))
	}
	for i, index := range want.Indexes {
		if at[string](indexes[i], "IndexName") != index.Name || at[string](indexes[i], "Projection", "ProjectionType") != "KEYS_ONLY" {
			t.Errorf("index %v, want %s", indexes[i], index.Name)
		}
		if diff := cmp.Diff([]string{"HASH " + index.PartitionKey, "RANGE " + index.SortKey}, keys(at[any](indexes[i], "KeySchema"))); diff != "" {
			t.Error(diff)
		}
	}
	if p["BillingMode"] != "PAY_PER_REQUEST" || !at[bool](p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") ||
		at[string](p, "TimeToLiveSpecification", "AttributeName") != want.TTL || !at[bool](p, "TimeToLiveSpecification", "Enabled") || p["TableName"] != nil {
		t.Errorf("table %v", p)
	}
}

func TestRulesHearWhatTheFleetActsOn(t *testing.T) {
	built := golden(t)
	got := map[string]string{}
	for _, r := range built.list("AWS::Events::Rule") {
		pattern := at[map[string]any](r.Properties, "EventPattern")
		source := at[string](pattern, "source", 0)
		bus := "default"
		if r.Properties["EventBusName"] != nil {
			bus = "own"
		}
		got[source+" on "+bus] = flat(pattern)
	}
	if len(got) != 4 {
		t.Errorf("rules %v", got)
	}
	for rule, parts := range map[string][]string{
		"ecsrunner.webhook on own": {fleet.WebhookSource, fleet.SweepSource, fleet.CLISource},
		"aws.ecs on default":       {fleet.TaskEvent, `"clusterArn":[{"Fn::GetAtt"`, `"lastStatus":["PENDING","RUNNING","STOPPED"]`},
		"aws.codebuild on default": {fleet.BuildEvent, "CodeBuild Build Phase Change", `"project-name":["fleet-images"]`},
		"aws.states on default":    {fleet.ExecutionEvent, ":stateMachine:fleet-runner", `"status":["FAILED","TIMED_OUT","ABORTED"]`},
	} {
		for _, part := range parts {
			if !strings.Contains(got[rule], part) {
				t.Errorf("rule %s is %s, without %s", rule, got[rule], part)
			}
		}
	}
}

func TestRoutesHaveLimitsOfTheirOwn(t *testing.T) {
	built := golden(t)
	settings := at[map[string]any](built.only("AWS::ApiGatewayV2::Stage").Properties, "RouteSettings")
	var keys []string
	for id, route := range built.list("AWS::ApiGatewayV2::Route") {
		key := at[string](route.Properties, "RouteKey")
		keys = append(keys, key)
		if at[float64](settings, key, "ThrottlingRateLimit") == 0 || at[float64](settings, key, "ThrottlingBurstLimit") == 0 {
			t.Errorf("%s has no limit", key)
		}
		if !strings.Contains(flat(built.only("AWS::ApiGatewayV2::Stage").DependsOn), id) {
			t.Errorf("the stage may be made before route %s, which its limits name", key)
		}
	}
	slices.Sort(keys)
	if diff := cmp.Diff([]string{"POST /runners/{id}/claim", "POST /runners/{id}/job", "POST /webhook"}, keys); diff != "" {
		t.Error(diff)
	}
	format := at[string](built.only("AWS::ApiGatewayV2::Stage").Properties, "AccessLogSettings", "Format")
	for _, never := range []string{"authorizer", "header", "body", "querystring"} {
		if format == "" || strings.Contains(strings.ToLower(format), never) {
			t.Errorf("access log %q", format)
		}
	}
}

func TestFailedEventsAreDrivenAgainAndThenKept(t *testing.T) {
	built := golden(t)
	failed := at[string](built.function("sweep").variables()[deployment.EnvFailedEvents], "Ref")
	lost := at[string](built.Resources[failed].Properties, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt", 0)
	if days := at[float64](built.Resources[lost].Properties, "MessageRetentionPeriod") / 86400; days != 14 {
		t.Errorf("lost events are kept for %v days", days)
	}
	if hidden := at[float64](built.Resources[failed].Properties, "VisibilityTimeout"); hidden < at[float64](built.function("sweep").Properties, "Timeout") {
		t.Errorf("an event is seen again after %vs, while the sweep may still handle it", hidden)
	}
	alarmed := false
	for _, alarm := range built.list("AWS::CloudWatch::Alarm") {
		alarmed = alarmed || strings.Contains(flat(alarm.Properties), lost)
	}
	if !alarmed {
		t.Error("nobody hears of lost events")
	}
	for _, policy := range built.list("AWS::SQS::QueuePolicy") {
		if at[string](policy.Properties, "Queues", 0, "Ref") == failed && strings.Count(flat(policy.Properties), "events.amazonaws.com") != len(built.list("AWS::Events::Rule")) {
			t.Error("not every rule may send what it could not deliver")
		}
	}
}

func TestTheSweepRunsEachMinute(t *testing.T) {
	schedule := golden(t).only("AWS::Scheduler::Schedule").Properties
	if schedule["ScheduleExpression"] != "rate(1 minute)" || at[float64](schedule, "Target", "RetryPolicy", "MaximumRetryAttempts") != 0 {
		t.Errorf("schedule %v", schedule)
	}
}

func TestTheClusterHasTheCapacityProvidersOfEveryClass(t *testing.T) {
	built := golden(t)
	association := built.only("AWS::ECS::ClusterCapacityProviderAssociations").Properties
	providers := association["CapacityProviders"].([]any)
	if at[string](association, "Cluster", "Ref") != built.ids("AWS::ECS::Cluster")[0] {
		t.Errorf("the providers are of cluster %v", association["Cluster"])
	}
	for _, class := range []fleet.Class{{}, {Spot: true}} {
		for _, provider := range class.Ladder() {
			if !slices.Contains(providers, any(string(provider))) {
				t.Errorf("the cluster has %v and not %s of %+v", providers, provider, class)
			}
		}
	}
}

// ECR cannot distinguish what the fleet built from what an operator published by hand
// long ago.
func TestTheRepositoryDeletesNothingThatHasATag(t *testing.T) {
	repository := golden(t).only("AWS::ECR::Repository").Properties
	var policy struct {
		Rules []struct {
			Selection struct{ TagStatus, CountType string }
		}
	}
	if err := json.Unmarshal([]byte(at[string](repository, "LifecyclePolicy", "LifecyclePolicyText")), &policy); err != nil {
		t.Fatal(err)
	}
	for _, rule := range policy.Rules {
		if s := rule.Selection; s.TagStatus != "untagged" || s.CountType != "sinceImagePushed" {
			t.Errorf("an image with a tag could go: %+v", s)
		}
	}
	if len(policy.Rules) != 1 || !at[bool](repository, "EmptyOnDelete") {
		t.Errorf("repository %v", repository)
	}
}

func TestBuildsAreToldWhereImagesGo(t *testing.T) {
	built := golden(t)
	p := built.only("AWS::CodeBuild::Project").Properties
	if at[string](p, "Source", "Type") != "S3" || at[float64](p, "QueuedTimeoutInMinutes") != 60 || p["ConcurrentBuildLimit"] != nil {
		t.Errorf("project %v", p)
	}
	set := map[string]bool{}
	for _, variable := range several(at[any](p, "Environment", "EnvironmentVariables")) {
		set[at[string](variable, "Name")] = true
	}
	want := []string{"DEFAULT_BASE", "FLEET_NAME", "IMAGE_COMPRESSION", "IMAGE_REPOSITORY", "RUNNER_VERSION", "SOCI_INDEX", "SUDO"}
	if got := slices.Sorted(maps.Keys(set)); !slices.Equal(got, want) {
		t.Errorf("variables %v, want %v", got, want)
	}
}

func TestAlarmsAreThere(t *testing.T) {
	metrics := ""
	for _, alarm := range golden(t).list("AWS::CloudWatch::Alarm") {
		metrics += flat(alarm.Properties)
	}
	checkAlarms(t, golden(t))
	for _, metric := range []string{"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionThrottled", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "Throttles", string(metric.ClaimConflict), string(metric.WaitingRuns), string(metric.GitHubLeft)} {
		if !strings.Contains(metrics, `"MetricName":"`+metric+`"`) {
			t.Errorf("no alarm looks at %s", metric)
		}
	}
	for _, m := range regexp.MustCompile(`"Metrics":\[(.*?)\],"Threshold"`).FindAllStringSubmatch(metrics, -1) {
		if n := strings.Count(m[1], `"MetricStat"`); n > 10 {
			t.Errorf("an alarm has %d metrics: CloudWatch takes ten", n)
		}
	}
}

// checkAlarms wants every alarm to notify the one topic of a template, and CloudWatch to
// be in the topic's policy, which is all that may reach it.
func checkAlarms(t *testing.T, built template) {
	t.Helper()
	topic := built.idOf(t, "AWS::SNS::Topic", "")
	for id, alarm := range built.list("AWS::CloudWatch::Alarm") {
		if told := flat(alarm.Properties["AlarmActions"]); told != `[{"Ref":"`+topic+`"}]` {
			t.Errorf("%s tells %s", id, told)
		}
	}
	const cloudWatch = `{"Action":"sns:Publish","Condition":{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}},"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Resource":{"Ref":"%s"}`
	policy := built.only("AWS::SNS::TopicPolicy").Properties
	if text := flat(policy); !strings.Contains(text, fmt.Sprintf(cloudWatch, topic)) || !strings.Contains(text, `"aws:SecureTransport":"false"`) || at[string](policy, "Topics", 0, "Ref") != topic {
		t.Errorf("policy %s", text)
	}
}

// The sweep measures that no delivery came. A day of that alarms, and a fleet that was
// deployed just now does not.
func TestADayWithoutWebhooksAlarms(t *testing.T) {
	properties := map[string]any{}
	for _, alarm := range golden(t).list("AWS::CloudWatch::Alarm") {
		if at[string](alarm.Properties, "Metrics", 0, "MetricStat", "Metric", "MetricName") == string(metric.WebhookAccepted) {
			properties = alarm.Properties
		}
	}
	periods := int(at[float64](properties, "EvaluationPeriods"))
	stat := at[map[string]any](properties, "Metrics", 0, "MetricStat")
	if hours := float64(periods) * at[float64](stat, "Period") / 3600; hours != 24 || properties["ComparisonOperator"] != "LessThanThreshold" || stat["Stat"] != "Sum" {
		t.Fatalf("alarm %v", properties)
	}
	// alarms judges hours as CloudWatch does: -1 has no data
	// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html).
	alarms := func(hours ...float64) bool {
		for _, sum := range hours[max(0, len(hours)-periods):] {
			missing := sum < 0
			if missing && properties["TreatMissingData"] != "breaching" || !missing && sum >= at[float64](properties, "Threshold") {
				return false
			}
		}
		return true
	}
	for name, test := range map[string]struct {
		hours []float64
		want  bool
	}{
		"the first deployment":     {slices.Repeat([]float64{-1}, 24), false},
		"its first hour":           {append(slices.Repeat([]float64{-1}, 23), 0), false},
		"its first day":            {slices.Repeat([]float64{0}, 24), true},
		"a webhook this morning":   {append(slices.Repeat([]float64{0}, 20), 1, 0, 0, 0), false},
		"a webhook the day before": {append([]float64{7}, slices.Repeat([]float64{0}, 24)...), true},
	} {
		if alarms(test.hours...) != test.want {
			t.Errorf("%s: the alarm is %t", name, !test.want)
		}
	}
}

func TestTheDashboardShowsTheFleetsMetrics(t *testing.T) {
	body := flat(golden(t).only("AWS::CloudWatch::Dashboard").Properties)
	shown := []string{"p50", "p99", "ExecutionsStarted"}
	for _, m := range metric.All() {
		if m.Place == metric.Everywhere {
			shown = append(shown, string(m.Name))
		}
	}
	for _, text := range shown {
		if !strings.Contains(body, text) {
			t.Errorf("the dashboard does not show %s", text)
		}
	}
}

// TestRolesHaveTheirGrants compares what the template allows with the roles it is made from.
func TestRolesHaveTheirGrants(t *testing.T) {
	built := golden(t)
	ids := map[string]string{
		grants.RoleTask.Name: "TaskRole", grants.RoleExecution.Name: "ExecutionRole", grants.RoleStateMachine.Name: "LifecycleRole",
		grants.RoleBuild.Name: "BuildRole", grants.RoleSchedule.Name: "ScheduleRole",
	}
	for _, f := range functions.All {
		ids[f.Folder()] = at[string](built.function(f.Folder()).Properties, "Role", "Fn::GetAtt", 0)
	}
	if n := len(built.list("AWS::IAM::Role")); n != len(functions.Roles()) {
		t.Errorf("%d roles, and %d are known", n, len(functions.Roles()))
	}
	for _, role := range functions.Roles() {
		id := ids[role.Name]
		var got, want []string
		for _, s := range built.statements() {
			if s.of == id || strings.HasPrefix(s.of, "Fleet"+id) {
				got = append(got, line(s.effect, s.actions, at[map[string]any](s.raw, "Condition")))
			}
		}
		for _, s := range role.May {
			if slices.Contains(grants.Optional, s.Resources[0]) {
				continue // the example has none
			}
			effect, conditions := "Allow", map[string]any{}
			if s.Deny {
				effect = "Deny"
			}
			for operator, keys := range s.Conditions {
				conditions[operator] = keys
			}
			want = append(want, line(effect, s.Actions, conditions))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-granted +in the template):\n%s", role.Name, diff)
		}
	}
}

// line is a statement without its resources and the values of its conditions, some
// of which only AWS knows.
func line(effect string, actions []string, conditions map[string]any) string {
	var keys []string
	for operator, values := range conditions {
		switch values := values.(type) {
		case map[string]any:
			keys = append(keys, operator+" "+strings.Join(slices.Sorted(maps.Keys(values)), " "))
		case map[string]string:
			keys = append(keys, operator+" "+strings.Join(slices.Sorted(maps.Keys(values)), " "))
		}
	}
	return effect + " " + strings.Join(actions, " ") + " " + strings.Join(keys, " ")
}

// TestFunctionsGetTheirVariables compares the variables that each function gets with
// those that it and its runtime read.
func TestFunctionsGetTheirVariables(t *testing.T) {
	built := golden(t)
	for _, f := range functions.All {
		want := slices.DeleteFunc(slices.Clone(f.Reads), func(name string) bool {
			// The example replaces no secret, and has a token and no App, of GitHub itself.
			return name == deployment.EnvWebhookSecretPrevious || name == deployment.EnvGitHubApps || name == deployment.EnvGitHubCA
		})
		want = slices.AppendSeq(want, maps.Keys(f.Runtime()))
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(built.function(f.Folder()).variables()))); diff != "" {
			t.Errorf("%s (-reads +set):\n%s", f.Name, diff)
		}
	}
}

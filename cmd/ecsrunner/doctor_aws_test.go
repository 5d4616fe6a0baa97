package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// awsServices stand in for AWS: a table of single items, and fixed answers by the name of the
// operation. What is denied is answered as AWS does.
type awsServices struct {
	t       *testing.T
	outputs map[string]string
	answers map[string]func(request map[string]any) any
	denied  map[string]bool

	mu    sync.Mutex
	items map[string]any
}

func (a *awsServices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" { // CloudFormation's own protocol
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>ecsrunner-ci</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-03-04T12:00:00Z</CreationTime><Outputs>`)
		for key, value := range a.outputs {
			fmt.Fprintf(w, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, key, html.EscapeString(value))
		}
		fmt.Fprint(w, `</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
		return
	}
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		a.t.Errorf("%s: %v", operation, err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if a.denied[operation] {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"User is not authorized"}`)
		return
	}
	answer := a.table(operation, request)
	if f := a.answers[operation]; f != nil {
		answer = f(request)
	}
	switch refused, isRefused := answer.(awsRefusal); {
	case isRefused:
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]string{"__type": string(refused), "message": string(refused)}
	case answer == nil:
		a.t.Errorf("%s is asked for, which is not to be needed", operation)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// awsRefusal is an answer that is an error, by its name.
type awsRefusal string

// table is DynamoDB with what was put, and without lists.
func (a *awsServices) table(operation string, request map[string]any) any {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := func(item any) string {
		of, _ := item.(map[string]any)
		text, _ := json.Marshal([]any{of["pk"], of["sk"], of["PK"], of["SK"]})
		return string(text)
	}
	switch operation {
	case "PutItem":
		a.items[key(request["Item"])] = request["Item"]
		return map[string]any{}
	case "GetItem":
		if item, ok := a.items[key(request["Key"])]; ok {
			return map[string]any{"Item": item}
		}
		return map[string]any{}
	case "Query":
		return map[string]any{"Items": []any{}, "Count": 0}
	}
	return nil
}

func quota(code, name string, value float64) map[string]any {
	return map[string]any{"QuotaCode": code, "QuotaName": name, "Value": value}
}

// newAWS is a fleet on AWS that serves the simulated GitHub's repository.
func newAWS(t *testing.T) (a *awsServices, token, secret string) {
	nowhere(t)
	token, secret = "ghp_"+rand.Text(), rand.Text()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	gitHub(t, token, secret, receiver.URL+"/webhook")
	a = &awsServices{t: t, items: map[string]any{}, denied: map[string]bool{}, outputs: map[string]string{}}
	for _, key := range deployment.Outputs {
		a.outputs[key] = "ci-" + key
	}
	maps.Copy(a.outputs, map[string]string{
		deployment.OutputFleetName: "ci", deployment.OutputWebhookURL: receiver.URL + "/webhook", deployment.OutputRepository: "123456789012.dkr.ecr/ci",
		deployment.OutputLostEvents: "https://sqs/1/lost", deployment.OutputFailedEvents: "https://sqs/1/failed", deployment.OutputMissedSweeps: "https://sqs/1/missed",
		deployment.OutputGitHubPAT: "ci/pat", deployment.OutputWebhookSecret: "ci/hook",
	})
	delete(a.outputs, deployment.OutputGitHubApps)
	a.answers = map[string]func(map[string]any) any{
		"GetParameter": func(map[string]any) any {
			return map[string]any{"Parameter": map[string]any{"Value": `{"small":{"cpu":512,"memory":1024}}`}}
		},
		"GetSecretValue": func(request map[string]any) any {
			value := map[string]string{"ci/pat": token, "ci/hook": secret}[request["SecretId"].(string)]
			return map[string]any{"SecretString": value, "CreatedDate": 1.7e9}
		},
		"ListServiceQuotas": func(request map[string]any) any {
			return map[string]any{"Quotas": []any{quota("L-3032A538", "Fargate On-Demand vCPU resource count", 6), quota("L-9D07B6EF", "Concurrently running builds for Linux/Small environment", 1)}}
		},
		"BatchGetProjects": func(request map[string]any) any {
			return map[string]any{"projects": []any{map[string]any{"name": request["names"].([]any)[0], "concurrentBuildLimit": 1}}}
		},
		"GetQueueAttributes": func(request map[string]any) any {
			depth := "0"
			if request["QueueUrl"] == "https://sqs/1/lost" {
				depth = "3"
			}
			return map[string]any{"Attributes": map[string]string{"ApproximateNumberOfMessages": depth}}
		},
		"BatchGetImage": func(map[string]any) any { return map[string]any{"images": []any{}, "failures": []any{}} },
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "NO_PROXY": "*"} {
		t.Setenv(name, value)
	}
	return a, token, secret
}

// tell notes what the fleet's sweep notes.
func (a *awsServices) tell() {
	a.t.Helper()
	c, err := connect(a.t.Context(), "ecsrunner-ci", "")
	if err != nil {
		a.t.Fatal(err)
	}
	policy := fleet.Policy{
		FleetName: "ci", Repositories: []string{examinedRepository}, DefaultClass: "small", BaseImage: "base", MaxRunners: 20, Limits: fleet.DefaultLimits(),
	}
	usage, _ := json.Marshal(fleet.GitHubUsage{At: time.Now()})
	store := c.store()
	for _, err := range []error{
		store.PutSettings(a.t.Context(), report.Settings{
			FleetName: "ci", Repositories: policy.Repositories, GitHubURL: os.Getenv("SIMULATED"), MaxRunners: 20, DefaultClass: "small", Engine: "fargate", StartedAt: time.Now(), Policy: &policy,
		}),
		store.PutCursor(a.t.Context(), fleet.GitHubUsageCursor, string(usage)),
	} {
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// found are the headlines of what is wrong.
func found(out string) (lines []string) {
	for _, m := range regexp.MustCompile(`(?m)^(error|warning|unchecked): ([a-z_]+)`).FindAllStringSubmatch(out, -1) {
		lines = append(lines, m[1]+" "+m[2])
	}
	return lines
}

// Every part of AWS is asked over the wire, with the fleet's own names.
func TestDoctorAsksAWS(t *testing.T) {
	a, token, secret := newAWS(t)
	a.tell()
	out, talk, code := doctorSays(t, "--stack", "ecsrunner-ci", "--verbose")
	want := []string{"error image", "error queue", "warning fargate_quota", "warning build_quota"}
	if got := found(out); code != exitFailure || talk != "" || !slices.Equal(got, want) {
		t.Errorf("exit status %d, %q: %s\n%s", code, got, talk, out)
	}
	for _, want := range []string{
		`error: queue lost: 3 events were given up: nothing could handle them\n.*\n.*\n  run: aws logs tail /ecsrunner/ci/dispatch --since 1h --region eu-central-1`,
		`20 runners \(max_runners\) of the class small need 10: beyond 12 of them runs wait`, `--quota-code L-3032A538 --desired-value 10 --region eu-central-1`,
		`run: ecsrunner images build base --arch x64 --stack ecsrunner-ci --region eu-central-1`,
		`(?m)^token +octo-org +ok `, `(?m)^webhook +octo-org/app +ok +webhook [0-9]+ delivers workflow_job`, `(?m)^webhook_secret +- +ok `, `(?m)^stack +- +ok +CREATE_COMPLETE`, `(?m)^sweep +- +ok +it ran last at `,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, token) || strings.Contains(out, secret) {
		t.Errorf("a secret is in\n%s", out)
	}
}

// What the operator may not ask is neither healthy nor broken.
func TestDoctorMayNotAskAWS(t *testing.T) {
	a, _, _ := newAWS(t)
	a.tell()
	for _, operation := range []string{"GetSecretValue", "ListServiceQuotas", "GetQueueAttributes", "BatchGetProjects"} {
		a.denied[operation] = true
	}
	out, talk, code := doctorSays(t, "--stack", "ecsrunner-ci")
	want := []string{"error image", "unchecked token", "unchecked webhook_secret", "unchecked fargate_quota", "unchecked build_quota", "unchecked queue"}
	if got := found(out); code != exitFailure || talk != "" || !slices.Equal(got, want) {
		t.Errorf("exit status %d, %q: %s\n%s", code, got, talk, out)
	}
	for _, action := range []string{"secretsmanager:GetSecretValue", "servicequotas:ListServiceQuotas", "codebuild:BatchGetProjects", "sqs:GetQueueAttributes"} {
		if !strings.Contains(out, "AWS does not allow "+action+": ") {
			t.Errorf("it does not say that %s is not allowed:\n%s", action, out)
		}
	}
	a.denied["GetItem"] = true
	out, _, code = doctorSays(t, "--stack", "ecsrunner-ci")
	if got := found(out); code != exitFailure || !slices.Equal(got, []string{"unchecked queue", "unchecked settings"}) {
		t.Errorf("without the table: exit status %d, %q\n%s", code, got, out)
	}
}

// Before its first sweep nothing says what a fleet serves.
func TestDoctorOnAFleetThatHasToldNothing(t *testing.T) {
	a, _, _ := newAWS(t)
	a.outputs[deployment.OutputVersion] = "v0.1.0"
	out, _, code := doctorSays(t, "--stack", "ecsrunner-ci")
	if got := found(out); code != exitFailure || !slices.Contains(got, "error settings") || !slices.Contains(got, "warning version") || !strings.Contains(out, "aws logs tail /ecsrunner/ci/sweep") {
		t.Errorf("exit status %d, %q\n%s", code, got, out)
	}
}

//go:build peers

package peers

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/lambdahost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
)

const (
	starts  = 15  // of each function
	answers = 100 // of the one process whose memory is measured
)

const policy = `{"fleet_name":"fleet","repositories":["Codertocat/Hello-World"],"allow_public":true,"base_image":"base","max_runners":1}`

// subject is a function that is started.
type subject struct {
	name    string
	command []string
	env     map[string]string
	event   any
	answers func(json.RawMessage) bool // nil for a function that refuses the event
	took    []time.Duration

	first, after []int64 // the most resident memory until the first answer, and until the last, in bytes
}

// TestColdStart measures from the start of a process until the first answer: webhooks read
// their secret, and ours its class sizes and policy, from one stub of AWS on this machine,
// which answers at once. Both refuse a job whose labels are not theirs. The other functions
// get an event that says nothing, and answer it with a result or an error.
func TestColdStart(t *testing.T) {
	aws := stub(t)
	body := payload(t, 0)
	var recorded struct{ Action string }
	if err := json.Unmarshal(body, &recorded); err != nil || recorded.Action != "queued" {
		t.Fatalf("the payload is of %q (%v), not of a queued job", recorded.Action, err)
	}
	event := map[string]any{
		"version": "2.0", "rawPath": "/webhook", "body": string(body), "isBase64Encoded": false,
		"requestContext": map[string]any{"http": map[string]any{"method": "POST", "path": "/webhook"}},
		"headers":        map[string]string{"content-type": "application/json", "x-github-event": "workflow_job", "x-github-delivery": "1", "x-hub-signature-256": sign(body)},
	}
	credentials := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_ENDPOINT_URL": aws}
	built := "../../build/functions/" + runtime.GOARCH
	node := func(file string) []string {
		return []string{"node", absolute(t, "testdata/node/bootstrap.cjs"), absolute(t, file)}
	}
	webhook := functions.Webhook.Runtime()
	maps.Copy(webhook, map[string]string{
		deployment.EnvPolicy: policy, deployment.EnvClassSizes: "classes", deployment.EnvTable: "table", deployment.EnvWebhookSecret: "webhook", deployment.EnvBus: "bus",
	})
	peer := "testdata/node/node_modules/@cloudsnorkel/cdk-github-runners/assets/webhook-handler.lambda/index.js"
	subjects := []*subject{
		{name: "webhook", command: []string{absolute(t, built+"/webhook/bootstrap")}, event: event, answers: status(200), env: webhook},
		{name: "webhook-handler of @cloudsnorkel/cdk-github-runners", command: node(peer), event: event, answers: status(200), env: map[string]string{
			"WEBHOOK_SECRET_ARN": "peer", "STEP_FUNCTION_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:runners", "GITHUB_SECRET_ARN": "peer",
			"SUPPORTED_LABELS": `[{"provider":"fargate","labels":["self-hosted","none-of-this"]}]`, "REQUIRE_SELF_HOSTED_LABEL": "1",
		}},
		{name: "a Go function that does nothing", command: []string{absolute(t, "../../build/peers/floor")}, event: map[string]any{}, answers: status(200)},
		{name: "a Node.js function that does nothing", command: node("testdata/node/floor.cjs"), event: map[string]any{}, answers: status(200)},
	}
	for _, f := range functions.All {
		if name := strings.ToLower(f.Name); name != "webhook" {
			subjects = append(subjects, &subject{name: name, command: []string{absolute(t, built+"/"+name+"/bootstrap")}, event: map[string]any{}, env: variables(f)})
		}
	}
	for range starts {
		for _, s := range subjects {
			s.start(t, credentials, 1)
		}
	}
	for range rounds {
		for _, s := range subjects {
			s.start(t, credentials, answers)
		}
	}
	peers, least := median(subjects[1].took), median(subjects[2].took)
	table := doctable.New("function", "first answer", "of the peer's", "of a Go function that does nothing", "memory at the first answer", fmt.Sprintf("after %d answers", answers), "of the peer's", "code", "code, compressed")
	theirs := middle(subjects[1].after)
	for _, s := range subjects {
		took := median(s.took)
		code, packed := sizes(t, s.command[len(s.command)-1])
		table.Row(s.name, milliseconds(took), ratio(took, peers), ratio(took, least), megabytes(middle(s.first)), megabytes(middle(s.after)), fmt.Sprintf("%.2f", float64(middle(s.after))/float64(theirs)), code, packed)
	}
	show(t, table, "cold start")
}

func absolute(t *testing.T, file string) string {
	t.Helper()
	path, err := filepath.Abs(file)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("%v: make bench-peers builds what is measured", err)
	}
	return path
}

func status(want int) func(json.RawMessage) bool {
	return func(answer json.RawMessage) bool {
		var got struct {
			StatusCode int `json:"statusCode"`
		}
		return json.Unmarshal(answer, &got) == nil && got.StatusCode == want
	}
}

// start starts the function and has it answer that often. If it is once, the time counts,
// and otherwise the memory.
func (s *subject) start(t *testing.T, credentials map[string]string, times int) {
	t.Helper()
	env := map[string]string{}
	for _, from := range []map[string]string{credentials, s.env} {
		for name, value := range from {
			env[name] = value
		}
	}
	f, err := lambdahost.New(lambdahost.Config{Name: "peer", Command: s.command, Env: env, Timeout: 30 * time.Second, MemoryMB: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	event, err := json.Marshal(s.event)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	s.ask(t, f, event)
	if times == 1 {
		s.took = append(s.took, time.Since(from))
		return
	}
	s.first = append(s.first, mostResident(t, f))
	for range times - 1 {
		s.ask(t, f, event)
	}
	s.after = append(s.after, mostResident(t, f))
}

// ask has the function answer once.
func (s *subject) ask(t *testing.T, f *lambdahost.Function, event json.RawMessage) {
	t.Helper()
	answer, err := f.Invoke(t.Context(), event)
	var refused *lambdahost.Error
	if s.answers == nil && errors.As(err, &refused) && !refused.Init && answered(refused) {
		err = nil
	}
	if err != nil || s.answers != nil && !s.answers(answer) {
		f.Kill()
		t.Fatalf("%s: %s %v\n%s", s.name, answer, err, strings.Join(f.Logs(), "\n"))
	}
}

// mostResident is the most resident memory that the function's process had so far, by Linux.
func mostResident(t *testing.T, f *lambdahost.Function) int64 {
	t.Helper()
	pids := f.PIDs()
	if len(pids) != 1 {
		t.Fatalf("the function has %d processes", len(pids))
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pids[0]))
	if err != nil {
		t.Skipf("the memory of a process is known on Linux: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("process %d has no VmHWM", pids[0])
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// answered reports whether the function itself answered with the error: a panic in a step is
// an answer too.
func answered(refused *lambdahost.Error) bool {
	return refused.ErrorType != lambdahost.Timedout && (refused.ErrorType != lambdahost.ExitError || strings.HasPrefix(refused.ErrorMessage, "this is a mistake in the fleet"))
}

// variables are those of a function's deployment, with the policy of the webhook above and
// otherwise the name as the value.
func variables(f functions.Function) map[string]string {
	env := f.Runtime()
	for _, name := range f.Reads {
		env[name] = strings.ToLower(name)
	}
	env[deployment.EnvPolicy], env[deployment.EnvGitHubURL], env[deployment.EnvAPIURL] = policy, "https://github.com", "https://api.example.com"
	env[deployment.EnvCluster] = "arn:aws:ecs:us-east-1:123456789012:cluster/fleet"
	for _, optional := range []string{deployment.EnvGitHubApps, deployment.EnvGitHubCA, deployment.EnvWebhookSecretPrevious} {
		delete(env, optional)
	}
	return env
}

// sizes are those of a function's code, and of the code as a zip has it.
func sizes(t *testing.T, file string) (code, packed string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close()
	return fmt.Sprintf("%.1f MB", float64(len(content))/1e6), fmt.Sprintf("%.1f MB", float64(zipped.Len())/1e6)
}

// stub answers what the functions read when they start, and nothing else.
func stub(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked struct{ SecretId, Name string }
		_ = json.Unmarshal(body, &asked) // an unknown request is answered below
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		now := float64(time.Now().Unix())
		switch target := r.Header.Get("X-Amz-Target"); {
		case target == "secretsmanager.GetSecretValue" && asked.SecretId == "peer":
			_ = json.NewEncoder(w).Encode(map[string]any{"Name": "peer", "SecretString": fmt.Sprintf(`{"webhookSecret":%q}`, secret), "VersionStages": []string{"AWSCURRENT"}, "CreatedDate": now})
		case target == "secretsmanager.GetSecretValue":
			_ = json.NewEncoder(w).Encode(map[string]any{"Name": asked.SecretId, "SecretString": secret, "VersionStages": []string{"AWSCURRENT"}, "CreatedDate": now})
		case target == "AmazonSSM.GetParameter":
			_ = json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]any{"Name": asked.Name, "Type": "String", "Value": `{"small":{"cpu":1024,"memory":2048}}`}})
		default:
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": "UnknownOperationException", "message": "the stub knows no " + target})
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

package faultproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecsschemas "github.com/aws/aws-sdk-go-v2/service/ecs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
	"github.com/google/go-cmp/cmp"
)

// emulation is a small AWS: RunTask and StartBuild make something new each time,
// StopTask knows what RunTask made, and every other answer is empty.
type emulation struct {
	mu     sync.Mutex
	tasks  []string
	builds int
	hosts  map[string]bool // that requests were sent to
}

func (e *emulation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call, cbor := callOf(r, body)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hosts == nil {
		e.hosts = map[string]bool{}
	}
	e.hosts[r.Host] = true
	var in struct{ StartedBy, Task string }
	_ = json.Unmarshal(body, &in) // there may be no JSON
	answer := "{}"
	switch {
	case cbor:
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		answer = "\xa0" // an empty map
	case call.Service == "cloudformation":
		answer = "<R><" + call.Operation + "Result/></R>"
	case call.Operation == "RunTask":
		arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/ci/%d", len(e.tasks)+1)
		e.tasks = append(e.tasks, arn)
		answer = fmt.Sprintf(`{"tasks":[{"taskArn":%q,"clusterArn":"ci","startedBy":%q}],"failures":[]}`, arn, in.StartedBy)
	case call.Operation == "StopTask" && in.Task == "unknown":
		w.WriteHeader(http.StatusInternalServerError)
	case call.Operation == "StopTask":
		answer = fmt.Sprintf(`{"task":{"taskArn":%q,"clusterArn":"ci","startedBy":"ci-7-1"}}`, in.Task)
	case call.Operation == "DescribeTasks":
		answer = `{"tasks":[{"taskArn":"arn:aws:ecs:us-east-1:123456789012:task/ci/1"}],"failures":[]}`
	case call.Operation == "StartBuild":
		e.builds++
		answer = fmt.Sprintf(`{"build":{"id":"ci:%d"}}`, e.builds)
	case call.Operation == "BatchGetBuilds":
		answer = `{"builds":[{"id":"ci:1","buildStatus":"SUCCEEDED","endTime":1},{"id":"ci:2","buildStatus":"SUCCEEDED","endTime":1}]}`
	}
	_, _ = io.WriteString(w, answer)
}

// started is how many tasks there are.
func (e *emulation) started() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.tasks)
}

// newProxy is a proxy in front of an emulation, with a client named runtask.
func newProxy(t *testing.T) (*Proxy, *emulation, aws.Config) {
	t.Helper()
	e := &emulation{}
	upstream := httptest.NewServer(e)
	t.Cleanup(upstream.Close)
	p := start(t, upstream.URL)
	p.Name("AKIARUNTASK", "runtask")
	return p, e, client(p, "AKIARUNTASK")
}

func start(t *testing.T, upstream string) *Proxy {
	t.Helper()
	p, err := Start(upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func client(p *Proxy, key string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(p.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(key, "secret", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
		},
	}
}

// once is a configuration of clients that do not try again.
func once(c aws.Config) aws.Config {
	c.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return c
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestEachClientsCallsAreToldApart(t *testing.T) {
	for want, call := range map[Call]func(context.Context, aws.Config) error{
		{Service: "ecs", Operation: "ListClusters"}: func(ctx context.Context, c aws.Config) error {
			_, err := ecs.NewFromConfig(c).ListClusters(ctx, &ecs.ListClustersInput{})
			return err
		},
		{Service: "ecs", Operation: "ListServices"}: func(ctx context.Context, c aws.Config) error { // in CBOR
			_, err := ecs.NewFromConfig(c, inCBOR).ListServices(ctx, &ecs.ListServicesInput{})
			return err
		},
		{Service: "states", Operation: "ListActivities"}: func(ctx context.Context, c aws.Config) error {
			_, err := sfn.NewFromConfig(c).ListActivities(ctx, &sfn.ListActivitiesInput{})
			return err
		},
		{Service: "dynamodb", Operation: "ListTables"}: func(ctx context.Context, c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		},
		{Service: "ssm", Operation: "DescribeParameters"}: func(ctx context.Context, c aws.Config) error {
			_, err := ssm.NewFromConfig(c).DescribeParameters(ctx, &ssm.DescribeParametersInput{})
			return err
		},
		{Service: "events", Operation: "ListRules"}: func(ctx context.Context, c aws.Config) error {
			_, err := eventbridge.NewFromConfig(c).ListRules(ctx, &eventbridge.ListRulesInput{})
			return err
		},
		{Service: "secretsmanager", Operation: "ListSecrets"}: func(ctx context.Context, c aws.Config) error {
			_, err := secretsmanager.NewFromConfig(c).ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
			return err
		},
		{Service: "codebuild", Operation: "ListProjects"}: func(ctx context.Context, c aws.Config) error {
			_, err := codebuild.NewFromConfig(c).ListProjects(ctx, &codebuild.ListProjectsInput{})
			return err
		},
		{Service: "ecr", Operation: "DescribeRepositories"}: func(ctx context.Context, c aws.Config) error {
			_, err := ecr.NewFromConfig(c).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
			return err
		},
		{Service: "sqs", Operation: "ListQueues"}: func(ctx context.Context, c aws.Config) error {
			_, err := sqs.NewFromConfig(c).ListQueues(ctx, &sqs.ListQueuesInput{})
			return err
		},
		{Service: "logs", Operation: "DescribeLogGroups"}: func(ctx context.Context, c aws.Config) error {
			_, err := cloudwatchlogs.NewFromConfig(c).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			return err
		},
		{Service: "cloudformation", Operation: "DescribeStacks"}: func(ctx context.Context, c aws.Config) error {
			_, err := cloudformation.NewFromConfig(c).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
			return err
		},
	} {
		t.Run(want.Service+" "+want.Operation, func(t *testing.T) {
			p, e, config := newProxy(t)
			if err := call(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			if err := call(t.Context(), client(p, "AKIAOTHER")); err != nil {
				t.Fatal(err)
			}
			calls := p.Calls()
			if len(calls) != 2 || calls[0].BodyHash == "" || calls[0].BodyHash != calls[1].BodyHash {
				t.Fatalf("calls: %+v", calls)
			}
			want.Client, want.BodyHash, want.Status, want.Forwarded = "runtask", calls[0].BodyHash, 200, true
			if diff := cmp.Diff(want, calls[0]); diff != "" {
				t.Error(diff)
			}
			if calls[1].Client != "AKIAOTHER" {
				t.Errorf("the other client is %s", calls[1].Client)
			}
			if host := strings.TrimPrefix(p.URL(), "http://"); !e.hosts[host] {
				t.Errorf("the host that was signed, %s, is not among %v", host, e.hosts)
			}
			t.Run("refused", func(t *testing.T) {
				p.Use(Rule{Name: "refused", Act: Refuse(400, "AccessDeniedException", "not you")})
				err := call(t.Context(), once(config))
				if code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "not you") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// inCBOR has a client speak RPC v2 CBOR, which some services' clients prefer.
func inCBOR(o *ecs.Options) {
	o.Protocol = rpcv2.NewCBOR(ecsschemas.AmazonEC2ContainerServiceV20141113)
}

// run starts a task.
func run(t *testing.T, config aws.Config, token, startedBy string) (*ecs.RunTaskOutput, error) {
	t.Helper()
	return ecs.NewFromConfig(config).RunTask(t.Context(), &ecs.RunTaskInput{
		TaskDefinition: aws.String("ci:1"), ClientToken: aws.String(token), StartedBy: aws.String(startedBy),
	})
}

func TestFaults(t *testing.T) {
	all := Match{Client: "runtask", Service: "ecs", Operation: "RunTask"}
	for name, test := range map[string]struct {
		rule           Rule
		fails          string // the error of a client that does not try again
		calls, reached int    // once a client that does try again has its answer
	}{
		"throttled":                  {rule: Throttled(all, 2), fails: "ThrottlingException", calls: 3, reached: 1},
		"server errors":              {rule: ServerErrors(all, 1), fails: "InternalFailure", calls: 2, reached: 1},
		"lost answers":               {rule: LostAnswers(all, 2, nil), fails: "EOF", calls: 3, reached: 3},
		"lost requests":              {rule: LostRequests(all, 2, nil), fails: "EOF", calls: 3, reached: 1},
		"after one that goes well":   {rule: Rule{Match: all, Skip: 1, Times: 1, Act: Refuse(400, "ThrottlingException", "")}, calls: 1, reached: 1},
		"for another operation":      {rule: Throttled(Match{Operation: "StopTask"}, 1), calls: 1, reached: 1},
		"for another client":         {rule: Throttled(Match{Client: "sweep"}, 1), calls: 1, reached: 1},
		"for another service":        {rule: Throttled(Match{Service: "states"}, 1), calls: 1, reached: 1},
		"a refusal that is no fault": {rule: Rule{Match: all, Times: 1, Act: Refuse(400, "ThrottlingException", "")}, fails: "ThrottlingException", calls: 2, reached: 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, e, config := newProxy(t)
			off := p.Use(test.rule)
			_, err := run(t, once(config), "a", "ci-7-1")
			if (test.fails == "") != (err == nil) || !strings.Contains(fmt.Sprint(err), test.fails) {
				t.Errorf("one attempt: %v", err)
			}
			off()

			before, reached := len(p.Calls()), e.started()
			p.Use(test.rule)
			out, err := run(t, config, "a", "ci-7-1")
			if err != nil || len(out.Tasks) != 1 {
				t.Fatalf("got %+v, %v", out, err)
			}
			if calls, reached := len(p.Calls())-before, e.started()-reached; calls != test.calls || reached != test.reached {
				t.Errorf("%d calls, of which %d were forwarded", calls, reached)
			}
			forwarded := 0
			for _, call := range p.Calls() {
				if call.Forwarded {
					forwarded++
				}
			}
			if forwarded != e.started() {
				t.Errorf("%d calls are written down as forwarded, %d were", forwarded, e.started())
			}
			if last := p.Calls()[len(p.Calls())-1]; last.Status != 200 || (test.fails == "EOF" && p.Calls()[0].Status != 0) {
				t.Errorf("calls: %+v", p.Calls())
			}
			if v := p.Violations(); len(v) > 0 {
				t.Errorf("violations: %v", v)
			}
		})
	}
}

func TestHooksAreCalledInBetween(t *testing.T) {
	all := Match{Operation: "RunTask"}
	for name, test := range map[string]struct {
		rule  func(Match, int, func(Call)) Rule
		after bool // the call's effect
		fails bool
	}{
		"held requests": {rule: HeldRequests},
		"held answers":  {rule: HeldAnswers, after: true},
		"lost requests": {rule: LostRequests, fails: true},
		"lost answers":  {rule: LostAnswers, after: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, e, config := newProxy(t)
			var hooked atomic.Int32
			p.Use(test.rule(all, 1, func(c Call) {
				hooked.Add(1)
				if c.Client != "runtask" || c.Operation != "RunTask" {
					t.Errorf("called for %+v", c)
				}
				if after := e.started() == 1; after != test.after {
					t.Errorf("called after the effect: %v", after)
				}
			}))
			if _, err := run(t, once(config), "a", "ci-7-1"); (err != nil) != test.fails {
				t.Errorf("got %v", err)
			}
			if n := hooked.Load(); n != 1 {
				t.Errorf("called %d times", n)
			}
		})
	}
}

func TestARuleChangesTheBody(t *testing.T) {
	for name, body := range map[string]string{"shorter": `{}`, "longer": `{"tasks":[],"failures":[{"reason":"RESOURCE:FARGATE in a zone that has none left, and more of the like"}]}`} {
		t.Run(name, func(t *testing.T) {
			p, _, config := newProxy(t)
			p.Use(Rule{Act: func(_ *Request, forward func() Answer) Answer {
				answer := forward()
				answer.Body = []byte(body)
				return answer
			}})
			out, err := ecs.NewFromConfig(once(config)).RunTask(t.Context(), &ecs.RunTaskInput{TaskDefinition: aws.String("ci:1")})
			if err != nil || len(out.Tasks) != 0 {
				t.Errorf("got %+v, %v", out, err)
			}
		})
	}
}

func TestAClientThatIsGoneTakesNothingBack(t *testing.T) {
	p, e, config := newProxy(t)
	ctx, kill := context.WithCancel(t.Context())
	gone, done := make(chan struct{}), make(chan struct{})
	p.Use(Rule{Act: func(_ *Request, forward func() Answer) Answer {
		defer close(done)
		kill()
		<-gone
		return forward()
	}})
	_, err := ecs.NewFromConfig(once(config)).RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: aws.String("ci:1")})
	close(gone)
	if err == nil {
		t.Error("the killed client has an answer")
	}
	<-done
	if e.started() != 1 {
		t.Errorf("%d tasks", e.started())
	}
}

func TestARuleThatDidNotAct(t *testing.T) {
	p, _, config := newProxy(t)
	off := p.Use(Throttled(Match{Operation: "RunTask"}, 2))
	p.Use(Rule{Name: "always", Act: func(_ *Request, forward func() Answer) Answer { return forward() }})
	if diff := cmp.Diff([]string{"throttled: acted 0 times", "always: acted 0 times"}, p.Unused()); diff != "" {
		t.Error(diff)
	}
	_, _ = run(t, once(config), "a", "ci-7-1") // refused
	if diff := cmp.Diff([]string{"throttled: acted 1 times"}, p.Unused()); diff != "" {
		t.Error(diff)
	}
	off()
	if unused := p.Unused(); len(unused) > 0 {
		t.Error(unused)
	}
	if _, err := run(t, once(config), "a", "ci-7-1"); err != nil {
		t.Errorf("the rule that is off: %v", err)
	}
}

func TestAnUpstreamThatIsGone(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	p := start(t, gone.URL)
	if _, err := run(t, once(client(p, "AKIARUNTASK")), "a", ""); err == nil || p.Calls()[0].Status != http.StatusBadGateway {
		t.Errorf("got %v, and calls %+v", err, p.Calls())
	}
}

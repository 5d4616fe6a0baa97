//go:build aws

package faultproxy

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	codebuildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

// motoProxy is a proxy in front of moto.
func motoProxy(t *testing.T) (*Proxy, aws.Config) {
	t.Helper()
	p := start(t, *awstest.Config(t).BaseEndpoint)
	return p, client(p, "AKIAPROXY")
}

func TestMotoTasksGetWhatTheyLack(t *testing.T) {
	p, config := motoProxy(t)
	client := ecs.NewFromConfig(config)
	cluster := aws.String("faultproxy")
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: cluster}); err != nil {
		t.Fatal(err)
	}
	definition, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("faultproxy"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("runner"), Image: aws.String("busybox"), Memory: aws.Int32(64)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var changes []Task
	p.Use(UnknownTasks())
	p.Use(TaskTokens())
	p.Use(TaskChanges(func(task Task) { changes = append(changes, task) }))
	p.Use(LostAnswers(Match{Service: "ecs", Operation: "RunTask"}, 2, nil))

	run := func() string {
		t.Helper()
		out, err := client.RunTask(t.Context(), &ecs.RunTaskInput{
			Cluster: cluster, TaskDefinition: definition.TaskDefinition.TaskDefinitionArn, ClientToken: aws.String("fp-7-1.0"), StartedBy: aws.String("fp-7-1"),
			CapacityProviderStrategy: []ecstypes.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE"), Weight: 1}},
		})
		if err != nil || len(out.Tasks) != 1 {
			t.Fatalf("got %+v, %v", out, err)
		}
		return *out.Tasks[0].TaskArn
	}
	arn := run()
	if again := run(); again != arn {
		t.Errorf("started %s and %s", arn, again)
	}
	listed, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: cluster})
	if err != nil || len(listed.TaskArns) != 1 {
		t.Errorf("moto has %v, %v", listed, err)
	}

	unknown := strings.Replace(arn, arn[strings.LastIndex(arn, "/")+1:], "0123456789abcdef0123456789abcdef", 1)
	described, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: cluster, Tasks: []string{arn, unknown}})
	if err != nil || len(described.Tasks) != 1 || len(described.Failures) != 1 || *described.Failures[0].Arn != unknown {
		t.Errorf("described %+v, %v", described, err)
	}
	if _, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: cluster, Task: &unknown}); code(err) != "InvalidParameterException" {
		t.Errorf("stop an unknown task: %v", err)
	}
	for range 2 {
		if _, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: cluster, Task: &arn}); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if len(changes) != 2 || changes[0].ARN != arn || changes[0].StartedBy != "fp-7-1" || changes[0].Stopped || !changes[1].Stopped {
		t.Errorf("changes: %+v", changes)
	}
	if v, u := p.Violations(), p.Unused(); len(v)+len(u) > 0 {
		t.Errorf("violations %q, unused %q", v, u)
	}
}

func TestMotoBuildsGetWhatTheyLack(t *testing.T) {
	p, config := motoProxy(t)
	client := codebuild.NewFromConfig(config)
	project := aws.String("faultproxy")
	if _, err := client.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: project, ServiceRole: aws.String("arn:aws:iam::123456789012:role/build"),
		Source:      &codebuildtypes.ProjectSource{Type: codebuildtypes.SourceTypeNoSource, Location: aws.String("none")}, // moto asks for a location
		Artifacts:   &codebuildtypes.ProjectArtifacts{Type: codebuildtypes.ArtifactsTypeNoArtifacts},
		Environment: &codebuildtypes.ProjectEnvironment{Type: codebuildtypes.EnvironmentTypeArmContainer, ComputeType: codebuildtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("al2023")},
	}); err != nil {
		t.Fatal(err)
	}
	p.Use(BuildTokens())
	p.Use(BuildStatuses(func(string) string { return "IN_PROGRESS" }))
	p.Use(LostAnswers(Match{Service: "codebuild", Operation: "StartBuild"}, 1, nil))
	input := codebuild.StartBuildInput{ProjectName: project, IdempotencyToken: aws.String("a")}
	first, err := client.StartBuild(t.Context(), &input)
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.StartBuild(t.Context(), &input)
	if err != nil || *again.Build.Id != *first.Build.Id {
		t.Errorf("started %s and %+v, %v", *first.Build.Id, again, err)
	}
	listed, err := client.ListBuildsForProject(t.Context(), &codebuild.ListBuildsForProjectInput{ProjectName: project})
	if err != nil || len(listed.Ids) != 1 {
		t.Errorf("moto has %+v, %v", listed, err)
	}
	got, err := client.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: listed.Ids})
	if err != nil || len(got.Builds) != 1 || got.Builds[0].BuildStatus != codebuildtypes.StatusTypeInProgress || got.Builds[0].EndTime != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestMotoEnforcesPoliciesThroughTheProxy: moto then checks signatures, so the proxy
// must not change anything that is signed.
func TestMotoEnforcesPoliciesThroughTheProxy(t *testing.T) {
	p, config := motoProxy(t)
	iam(t, config, "Action=CreateUser&UserName=faultproxy")
	iam(t, config, "Action=PutUserPolicy&UserName=faultproxy&PolicyName=its&PolicyDocument="+
		url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecs:ListClusters","Resource":"*"}]}`))
	var made struct {
		Key struct {
			ID     string `xml:"AccessKeyId"`
			Secret string `xml:"SecretAccessKey"`
		} `xml:"CreateAccessKeyResult>AccessKey"`
	}
	if err := xml.Unmarshal(iam(t, config, "Action=CreateAccessKey&UserName=faultproxy"), &made); err != nil || made.Key.ID == "" {
		t.Fatalf("no access key: %v", err)
	}
	p.Name(made.Key.ID, "its own")

	enforce := func(after string) { ask(t, *config.BaseEndpoint+"/moto-api/reset-auth", after, "") }
	enforce("0")
	t.Cleanup(func() { enforce("inf") })
	own := client(p, made.Key.ID)
	own.Credentials = aws.CredentialsProviderFunc(credentialsOf(made.Key.ID, made.Key.Secret))
	if _, err := ecs.NewFromConfig(own).ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil {
		t.Errorf("what the policy allows: %v", err)
	}
	// moto refuses JSON requests in XML, so the SDK cannot read why.
	if _, err := ssm.NewFromConfig(own).DescribeParameters(t.Context(), &ssm.DescribeParametersInput{}); err == nil || last(p).Status != http.StatusForbidden {
		t.Errorf("what it does not: %v, %+v", err, last(p))
	}
	own.Credentials = aws.CredentialsProviderFunc(credentialsOf(made.Key.ID, "wrong"))
	if _, err := ecs.NewFromConfig(own).ListClusters(t.Context(), &ecs.ListClustersInput{}); err == nil || last(p).Status != http.StatusForbidden {
		t.Errorf("a wrong signature: %v, %+v", err, last(p))
	}
}

func last(p *Proxy) Call {
	calls := p.Calls()
	return calls[len(calls)-1]
}

func credentialsOf(id, secret string) func(context.Context) (aws.Credentials, error) {
	return func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	}
}

// iam asks moto's IAM, which the project uses for nothing else.
func iam(t *testing.T, config aws.Config, form string) []byte {
	t.Helper()
	return ask(t, *config.BaseEndpoint, "Version=2010-05-08&"+form, "iam")
}

func ask(t *testing.T, url, body, service string) []byte {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if service != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260304/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=none")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("ask moto: %d, %v\n%s", response.StatusCode, err, said)
	}
	return said
}

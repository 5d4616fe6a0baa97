//go:build aws

package ecsfleet

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A task's life on moto. It has no client tokens, no failures and no MISSING: ECS's
// answers in these cases are in the tables beside.
func TestMotoATasksLife(t *testing.T) {
	config := awstest.Config(t)
	client := ecs.NewFromConfig(config)
	must(client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("ecsfleet"), CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}}))(t)
	p := newPlatform(nil)
	p.ECS, p.Cluster = client, "ecsfleet"
	p.Network = Network{Subnets: []string{first(t, config, "DescribeSubnets", "subnetId")}, SecurityGroups: []string{first(t, config, "DescribeSecurityGroups", "groupId")}}

	definition := must(p.Register(t.Context(), content()))(t)
	if again := must(p.Register(t.Context(), content()))(t); again != definition {
		t.Errorf("registered %s and %s", definition, again)
	}
	p.Definition.LogGroup = "/ecsrunner/new"
	if changed := must(p.Register(t.Context(), content()))(t); changed == definition {
		t.Error("the old log group is kept")
	}

	l := launch()
	l.TaskDefinition, l.CapacityProvider = definition, fleet.FargateSpot
	task := must(p.Launch(t.Context(), l))(t)
	l.RunnerID, l.CapacityProvider = "other-7-1", fleet.Fargate
	foreign := must(p.Launch(t.Context(), l))(t)

	found, known, err := p.Describe(t.Context(), task.ARN)
	if err != nil || !known || found.StartedBy != "ci-7-1" || found.ARN != task.ARN || len(found.Containers) != 1 {
		t.Errorf("described %+v, %v, %v", found, known, err)
	}
	sees := func(when string, status string) {
		t.Helper()
		tasks := must(p.Tasks(t.Context()))(t)
		if len(tasks) != 1 || tasks[0].ARN != task.ARN || tasks[0].DesiredStatus != status {
			t.Errorf("%s: listed %+v", when, tasks)
		}
	}
	sees("before the stop", fleet.TaskRunning)
	if err := p.Stop(t.Context(), task.ARN, "the test is over"); err != nil {
		t.Fatal(err)
	}
	sees("after the stop", fleet.TaskStopped)
	if found, _, err := p.Describe(t.Context(), task.ARN); err != nil || found.LastStatus != fleet.TaskStopped || found.StoppedReason != "the test is over" {
		t.Errorf("described %+v, %v", found, err)
	}
	if found, _, err := p.Describe(t.Context(), foreign.ARN); err != nil || found.LastStatus == fleet.TaskStopped {
		t.Errorf("the other fleet's task: %+v, %v", found, err)
	}
	t.Run("a cluster that there is not", func(t *testing.T) {
		p.Cluster = "none"
		if _, err := p.Launch(t.Context(), l); fleet.ErrorName(err) != fleet.RunnerLaunchFailed {
			t.Errorf("got %v", err)
		}
	})
}

// first asks moto's EC2, which the project uses for nothing else.
func first(t *testing.T, config aws.Config, action, element string) string {
	t.Helper()
	request := must(http.NewRequestWithContext(t.Context(), http.MethodPost, *config.BaseEndpoint, strings.NewReader("Version=2016-11-15&Action="+action)))(t)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260304/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=none")
	response := must(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	d := xml.NewDecoder(response.Body)
	for {
		token := must(d.Token())(t)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == element {
			var id string
			if err := d.DecodeElement(&id, &start); err != nil {
				t.Fatal(err)
			}
			return id
		}
	}
}

//go:build aws

package params

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

func TestMotoClasses(t *testing.T) {
	client := ssm.NewFromConfig(awstest.Config(t))
	_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/params/classes"), Type: types.ParameterTypeString, Value: aws.String(`{"small":{"cpu":512,"memory":1024}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	classes, err := (&Classes{SSM: client, Name: "/params/classes", Now: time.Now}).Get(t.Context())
	if err != nil || classes["small"].Memory != 1024 {
		t.Errorf("got %v, %v", classes, err)
	}
	if _, err := (&Classes{SSM: client, Name: "/params/none", Now: time.Now}).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "ParameterNotFound") {
		t.Errorf("got %v", err)
	}
}

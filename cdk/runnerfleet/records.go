package runnerfleet

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// newTable makes the table as the store describes it.
func newTable(scope constructs.Construct) awsdynamodb.Table {
	definition := deployment.TableDefinition()
	table := awsdynamodb.NewTable(scope, jsii.String("Records"), &awsdynamodb.TableProps{
		PartitionKey:                     textKey(definition.PartitionKey),
		SortKey:                          textKey(definition.SortKey),
		TimeToLiveAttribute:              jsii.String(definition.TTL),
		BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		RemovalPolicy:                    awscdk.RemovalPolicy_DESTROY,
	})
	for _, index := range definition.Indexes {
		table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
			IndexName:      jsii.String(index.Name),
			PartitionKey:   textKey(index.PartitionKey),
			SortKey:        textKey(index.SortKey),
			ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
		})
	}
	return table
}

func textKey(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

// newClassSizes keeps runner_class_sizes in a parameter.
func newClassSizes(scope constructs.Construct, c Config) (name, arn *string) {
	sizes, err := json.Marshal(c.RunnerClassSizes)
	if err != nil {
		panic(err) // a map of plain structs: it marshals or a test fails
	}
	path := "/" + c.FleetName + "/runner_class_sizes"
	parameter := awsssm.NewStringParameter(scope, jsii.String("ClassSizes"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(path),
		Description:   jsii.String("runner_class_sizes of the runner fleet " + c.FleetName + ": read again every five minutes"),
		StringValue:   jsii.String(string(sizes)),
	})
	return jsii.String(path), parameter.ParameterArn()
}

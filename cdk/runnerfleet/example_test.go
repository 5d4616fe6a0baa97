package runnerfleet_test

import (
	"log"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

// A fleet in your own stack, in your own VPC.
func Example() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Runners"), nil)
	vpc := awsec2.NewVpc(stack, jsii.String("Vpc"), &awsec2.VpcProps{MaxAzs: jsii.Number(2)})
	config, err := runnerfleet.Load("fleet.yaml")
	if err != nil {
		log.Fatal(err)
	}
	fleet := runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: config, VPC: vpc})
	awscdk.NewCfnOutput(stack, jsii.String("Webhook"), &awscdk.CfnOutputProps{Value: fleet.WebhookURL})
	app.Synth(nil)
}

// A configuration without a file, and jobs that reach a database.
func ExampleConfigure() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Runners"), nil)
	config, err := runnerfleet.Configure(func(c *runnerfleet.Config) {
		c.Repositories = []string{"octo-org/app"}
		c.RunnerClassSizes = map[string]runnerfleet.Class{"small": {CPU: 512, Memory: 1024, Arch: runnerfleet.ARM64}}
	})
	if err != nil {
		log.Fatal(err)
	}
	fleet := runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: config})
	database := awsec2.NewSecurityGroup(stack, jsii.String("Database"), &awsec2.SecurityGroupProps{Vpc: fleet.VPC})
	database.Connections().AllowFrom(fleet.Connections, awsec2.Port_Tcp(jsii.Number(5432)), jsii.String("jobs"))
	app.Synth(nil)
}

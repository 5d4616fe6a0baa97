//go:build cdk

package runnerfleet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// A caller can let the runners into a database, in its own network or in a new one.
func TestConnections(t *testing.T) {
	for name, network := range map[string]func(*testing.T, awscdk.Stack) (props runnerfleet.Props, source string){
		"a VPC that is made": func(t *testing.T, _ awscdk.Stack) (runnerfleet.Props, string) {
			return runnerfleet.Props{Config: parse(t)}, `"FleetSecurityGroup`
		},
		"the caller's VPC": func(t *testing.T, stack awscdk.Stack) (runnerfleet.Props, string) {
			return runnerfleet.Props{Config: parse(t), VPC: newVPC(stack, true)}, `"FleetSecurityGroup`
		},
		"the caller's security group": func(t *testing.T, stack awscdk.Stack) (runnerfleet.Props, string) {
			vpc := newVPC(stack, true)
			group := awsec2.NewSecurityGroup(stack, jsii.String("Jobs"), &awsec2.SecurityGroupProps{Vpc: vpc})
			return runnerfleet.Props{Config: parse(t), VPC: vpc, SecurityGroups: []awsec2.ISecurityGroup{group}}, `"Jobs`
		},
		"groups of the configuration": func(t *testing.T, _ awscdk.Stack) (runnerfleet.Props, string) {
			return runnerfleet.Props{Config: parse(t, "subnet_ids: [subnet-0a1b2c3d]", "security_groups: [sg-0a1b2c3d]")}, `"sg-0a1b2c3d"`
		},
	} {
		t.Run(name, func(t *testing.T) {
			stack := newStack(newApp(), "own")
			props, source := network(t, stack)
			fleet := runnerfleet.New(stack, "Fleet", props)
			vpc := fleet.VPC
			if vpc == nil {
				vpc = awsec2.NewVpc(stack, jsii.String("Elsewhere"), nil)
			}
			database := awsec2.NewSecurityGroup(stack, jsii.String("Database"), &awsec2.SecurityGroupProps{Vpc: vpc})
			database.Connections().AllowFrom(fleet.Connections, awsec2.Port_Tcp(jsii.Number(5432)), jsii.String("jobs"))
			built := templateOf(t, stack)
			rule := built.only("AWS::EC2::SecurityGroupIngress").Properties
			if from := flat(rule["SourceSecurityGroupId"]); !strings.Contains(from, source) || !strings.Contains(flat(rule["GroupId"]), `"Database`) {
				t.Errorf("rule %v", rule)
			}
			if has := flat(env(built, "runtask", deployment.EnvSecurityGroups)); has != flat(rule["SourceSecurityGroupId"]) {
				t.Errorf("tasks have %s", has)
			}
			if made := strings.Contains(flat(built.list("AWS::EC2::SecurityGroup")), "out only"); made != (source == `"FleetSecurityGroup`) {
				t.Errorf("a group is made: %t", made)
			}
		})
	}
	vpc := newVPC(newStack(newApp(), "checked"), true)
	var many []awsec2.ISecurityGroup
	for i := range 6 {
		many = append(many, awsec2.SecurityGroup_FromSecurityGroupId(vpc, jsii.String(fmt.Sprint(i)), jsii.String("sg-0a1b2c3d"), nil))
	}
	for says, props := range map[string]runnerfleet.Props{
		"no VPC that they belong to": {Config: parse(t), SecurityGroups: many[:1]},
		"6 security groups":          {Config: parse(t), SecurityGroups: many, VPC: vpc},
	} {
		if err := props.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v", err)
		}
	}
}

func newTaskRole(scope awscdk.Stack, trusted awsiam.IPrincipal) awsiam.Role {
	return awsiam.NewRole(scope, jsii.String("JobsRole"), &awsiam.RoleProps{AssumedBy: trusted})
}

// Jobs may do what the role of theirs may, and the fleet may pass no other.
func TestATaskRoleOfOnesOwn(t *testing.T) {
	stack := newStack(newApp(), "own")
	role := newTaskRole(stack, awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil))
	runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: parse(t), TaskRole: role})
	awss3.NewBucket(stack, jsii.String("Cache"), nil).GrantRead(role, nil)
	built := templateOf(t, stack)
	given := built.idOf(t, "AWS::IAM::Role", "JobsRole")
	if got := at[string](env(built, "registertaskdefinition", deployment.EnvTaskRole), "Fn::GetAtt", 0); got != given {
		t.Errorf("tasks have role %s", got)
	}
	for _, function := range []string{"registertaskdefinition", "runtask"} {
		if passes := may(built, function, "iam:PassRole"); !strings.Contains(passes, `"`+given+`"`) || strings.Count(passes, "Fn::GetAtt") != 2 {
			t.Errorf("%s may pass %s", function, passes)
		}
	}
	for id := range built.list("AWS::IAM::Role") {
		if strings.HasPrefix(id, "FleetTaskRole") {
			t.Errorf("role %s is made", id)
		}
	}
}

// It is looked at when nothing is added any more.
func TestATaskRoleThatOthersMayAssume(t *testing.T) {
	app := newApp()
	stack := newStack(app, "own")
	role := newTaskRole(stack, awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil))
	runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: parse(t), TaskRole: role})
	role.AssumeRolePolicy().AddStatements(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: &[]*string{jsii.String("sts:AssumeRole")}, Principals: &[]awsiam.IPrincipal{awsiam.NewAccountPrincipal(jsii.String("123456789012"))},
	}))
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "own/JobsRole must trust the service ecs-tasks.amazonaws.com and nothing else") {
			t.Errorf("got %s", said)
		}
	}()
	app.Synth(nil)
}

// A boundary is on all roles that the fleet makes. Linters get a fleet with everything
// that can be given.
func TestAPermissionsBoundary(t *testing.T) {
	stack := newStack(newApp(), "own")
	vpc := newVPC(stack, true)
	runnerfleet.New(stack, "Fleet", runnerfleet.Props{
		Config: parse(t), VPC: vpc, Subnets: &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PUBLIC},
		SecurityGroups:      []awsec2.ISecurityGroup{awsec2.NewSecurityGroup(stack, jsii.String("Jobs"), &awsec2.SecurityGroupProps{Vpc: vpc})},
		TaskRole:            newTaskRole(stack, awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil)),
		PermissionsBoundary: awsiam.ManagedPolicy_FromManagedPolicyName(stack, jsii.String("Boundary"), jsii.String("developers")),
		AlarmTopic:          awssns.NewTopic(stack, jsii.String("Pager"), nil),
	})
	toLint(t, "us-east-1", "library", stack)
	roles := templateOf(t, stack).list("AWS::IAM::Role")
	for id, role := range roles {
		if ours := strings.HasPrefix(id, "Fleet"); ours != strings.Contains(flat(role.Properties["PermissionsBoundary"]), ":policy/developers") {
			t.Errorf("%s has boundary %v", id, role.Properties["PermissionsBoundary"])
		}
	}
	if len(roles) < len(functions.All) {
		t.Errorf("%d roles", len(roles))
	}
}

// A caller's topic may have a policy of its own, which does not let CloudWatch publish.
func TestATopicOfOnesOwn(t *testing.T) {
	stack := newStack(newApp(), "own")
	topic := awssns.NewTopic(stack, jsii.String("Pager"), &awssns.TopicProps{EnforceSSL: jsii.Bool(true)})
	fleet := runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: parse(t), AlarmTopic: topic})
	if *fleet.AlarmTopic.TopicArn() != *topic.TopicArn() {
		t.Error("the fleet has another topic")
	}
	checkAlarms(t, templateOf(t, stack))
}

// The values of a fleet are those of its stack.
func TestWhatAFleetReturns(t *testing.T) {
	stack := newStack(newApp(), "own")
	fleet := runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: parse(t)})
	returned := map[string]*string{
		deployment.OutputWebhookURL: fleet.WebhookURL, deployment.OutputTable: fleet.Table.TableName(), deployment.OutputCluster: fleet.ClusterName,
		deployment.OutputStateMachine: fleet.StateMachine.StateMachineArn(), deployment.OutputRepository: fleet.Repository.RepositoryUri(),
		deployment.OutputBus: fleet.Bus.EventBusName(), deployment.OutputGitHubPAT: fleet.GitHubPAT, deployment.OutputWebhookSecret: fleet.WebhookSecret,
		deployment.OutputRunnerLogs: fleet.RunnerLogs.LogGroupName(), "AlarmTopic": fleet.AlarmTopic.TopicArn(),
	}
	for key, value := range returned {
		awscdk.NewCfnOutput(stack, jsii.String("Returned"+key), &awscdk.CfnOutputProps{Value: value})
	}
	awscdk.NewCfnOutput(stack, jsii.String("TaskRole"), &awscdk.CfnOutputProps{Value: fleet.TaskRoleARN})
	built := templateOf(t, stack)
	for key := range returned {
		if got, want := flat(built.Outputs["Returned"+key].Value), flat(built.Outputs[key].Value); got != want {
			t.Errorf("%s is %s, and the output %s", key, got, want)
		}
	}
	if got, want := flat(built.Outputs["TaskRole"].Value), flat(env(built, "registertaskdefinition", deployment.EnvTaskRole)); got != want {
		t.Errorf("role %s, and tasks have %s", got, want)
	}
	if len(fleet.SecurityGroups) != 1 || len(fleet.Alarms) != len(built.list("AWS::CloudWatch::Alarm")) || len(fleet.Functions) != len(functions.All) {
		t.Errorf("%+v", fleet)
	}
}

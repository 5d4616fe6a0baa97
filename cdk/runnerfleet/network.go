package runnerfleet

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// network is where tasks run. The lists have commas between their ids.
type network struct {
	subnets, securityGroups *string
	assignPublicIP          bool
}

func newNetwork(scope constructs.Construct, p Props) network {
	c := p.Config
	if len(c.SubnetIDs) > 0 {
		n := network{subnets: jsii.String(strings.Join(c.SubnetIDs, ",")), assignPublicIP: c.AssignPublicIP}
		if len(c.SecurityGroups) > 0 {
			n.securityGroups = jsii.String(strings.Join(c.SecurityGroups, ","))
		} else {
			n.securityGroups = newGroup(scope, c, jsii.String(c.VPCID))
		}
		return n
	}
	if p.VPC != nil {
		selected := p.VPC.SelectSubnets(selection(p))
		return network{commas(selected.SubnetIds), newGroup(scope, c, p.VPC.VpcId()), *selected.HasPublic}
	}
	vpc := newVPC(scope, c)
	return network{commas(vpc.SelectSubnets(nil).SubnetIds), newGroup(scope, c, vpc.VpcId()), true}
}

func selection(p Props) *awsec2.SubnetSelection {
	switch {
	case p.Subnets != nil:
		return p.Subnets
	case len(*p.VPC.PrivateSubnets()) > 0:
		return &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS}
	}
	return &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PUBLIC}
}

func commas(ids *[]*string) *string { return awscdk.Fn_Join(jsii.String(","), ids) }

// newVPC has two public subnets. A NAT gateway would cost more each month than most
// fleets; the security group lets nobody in.
func newVPC(scope constructs.Construct, c Config) awsec2.Vpc {
	return awsec2.NewVpc(scope, jsii.String("Vpc"), &awsec2.VpcProps{
		VpcName:     jsii.String(c.FleetName + "-runners"),
		IpAddresses: awsec2.IpAddresses_Cidr(jsii.String("10.76.0.0/16")),
		MaxAzs:      jsii.Number(2),
		NatGateways: jsii.Number(0),
		SubnetConfiguration: &[]*awsec2.SubnetConfiguration{{
			Name: jsii.String("Public"), SubnetType: awsec2.SubnetType_PUBLIC, CidrMask: jsii.Number(20),
			MapPublicIpOnLaunch: jsii.Bool(false), // tasks ask for theirs
		}},
		RestrictDefaultSecurityGroup: jsii.Bool(false), // nothing uses it, and a function would be made to empty it
	})
}

// newGroup lets traffic out and none in.
func newGroup(scope constructs.Construct, c Config, vpcID *string) *string {
	return awsec2.NewCfnSecurityGroup(scope, jsii.String("SecurityGroup"), &awsec2.CfnSecurityGroupProps{
		GroupDescription: jsii.String("Runners of the fleet " + c.FleetName + ": out only"),
		VpcId:            vpcID,
		SecurityGroupEgress: &[]*awsec2.CfnSecurityGroup_EgressProperty{{
			IpProtocol: jsii.String("-1"), CidrIp: jsii.String("0.0.0.0/0"), Description: jsii.String("GitHub, registries, and what jobs need"),
		}},
	}).AttrGroupId()
}

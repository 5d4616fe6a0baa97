package runnerfleet

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// network is where tasks run, and functions that call GitHub if those are to be in a VPC.
// The lists have commas between their ids.
type network struct {
	subnets, securityGroups *string
	subnetIDs, groupIDs     *[]*string
	assignPublicIP          bool
	vpc                     awsec2.IVpc // nil if only subnets are known
	groups                  []awsec2.ISecurityGroup
}

func newNetwork(scope constructs.Construct, p Props) network {
	c, n := p.Config, network{vpc: p.VPC}
	switch {
	case len(c.SubnetIDs) > 0:
		n.subnets, n.assignPublicIP = jsii.String(strings.Join(c.SubnetIDs, ",")), c.AssignPublicIP
		n.subnetIDs = texts(c.SubnetIDs...)
	case p.VPC != nil:
		selected := p.VPC.SelectSubnets(selection(p))
		n.subnets, n.assignPublicIP = commas(selected.SubnetIds), *selected.HasPublic
		n.subnetIDs = selected.SubnetIds
	default:
		n.vpc = newVPC(scope, c)
		n.subnets, n.assignPublicIP = commas(n.vpc.SelectSubnets(nil).SubnetIds), true
	}
	n.groups = groups(scope, p, n.vpc)
	var ids []*string
	for _, group := range n.groups {
		ids = append(ids, group.SecurityGroupId())
	}
	n.securityGroups, n.groupIDs = commas(&ids), &ids
	return n
}

// groups are the given security groups, or else a new one.
func groups(scope constructs.Construct, p Props, vpc awsec2.IVpc) []awsec2.ISecurityGroup {
	byID := func(id string, group *string) awsec2.ISecurityGroup {
		return awsec2.SecurityGroup_FromSecurityGroupId(scope, jsii.String(id), group, nil)
	}
	switch {
	case len(p.SecurityGroups) > 0:
		return p.SecurityGroups
	case len(p.Config.SecurityGroups) > 0:
		var given []awsec2.ISecurityGroup
		for _, group := range p.Config.SecurityGroups {
			given = append(given, byID("Given "+group, jsii.String(group)))
		}
		return given
	}
	vpcID := jsii.String(p.Config.VPCID)
	if vpc != nil {
		vpcID = vpc.VpcId()
	}
	return []awsec2.ISecurityGroup{byID("Runners", newGroup(scope, p.Config, vpcID))}
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
// fleets; the security group lets nothing in.
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

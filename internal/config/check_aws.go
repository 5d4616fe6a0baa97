package config

import (
	"regexp"
	"slices"
	"strings"
)

var (
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`)
	vpcID      = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	subnetID   = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupID    = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	busName    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,256}$`)
	// CodeBuild takes 150 characters. But policies name the projects many times, and IAM
	// takes 10,240 characters of a role's policies.
	projectName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{1,63}$`)
)

// retentionDays are what CloudWatch Logs accepts
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
var retentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (c *Config) checkAWS(r *review) {
	if r.given("aws_region") && !regionName.MatchString(c.AWSRegion) {
		r.add("aws_region", "%s is not a region; write it as in eu-west-1", quote(c.AWSRegion))
	} else if r.given("aws_region") && partitionOf(c.AWSRegion) == "" {
		r.add("aws_region", "%s is in a part of AWS of its own that the fleet was not made for; choose a region of aws, aws-us-gov or aws-cn", quote(c.AWSRegion))
	}
	if r.given("event_bus_name") && (!busName.MatchString(c.EventBusName) || strings.HasPrefix(c.EventBusName, "aws.")) {
		r.add("event_bus_name", "%s is not a name for an event bus; use up to 256 of A-Z, a-z, 0-9 and ._-, not beginning with aws.", quote(c.EventBusName))
	}
	if r.given("image_build_project") && !projectName.MatchString(c.ImageBuildProject) {
		r.add("image_build_project", "%s is not a name for a CodeBuild project; use 2 to 64 of A-Z, a-z, 0-9, _ and -; delete the key if image: labels are not wanted", quote(c.ImageBuildProject))
	}
	if !slices.Contains(retentionDays, c.LogRetentionDays) {
		r.add("log_retention_days", "is %d; CloudWatch Logs keeps for one of %v days", c.LogRetentionDays, retentionDays)
	}
}

func (c *Config) checkNetwork(r *review) {
	if r.given("vpc_id") && !vpcID.MatchString(c.VPCID) {
		r.add("vpc_id", "%s is no VPC; write its id, as in vpc-0a1b2c3d4e5f67890", quote(c.VPCID))
	}
	checkIDs(r, "subnet_ids", c.SubnetIDs, subnetID, "a subnet; write its id, as in subnet-0a1b2c3d4e5f67890")
	checkIDs(r, "security_groups", c.SecurityGroups, groupID, "a security group; write its id, as in sg-0a1b2c3d4e5f67890")
	if len(c.SecurityGroups) > 5 {
		r.add("security_groups", "lists %d groups; a task can have at most 5", len(c.SecurityGroups))
	}
	if !r.readable("subnet_ids", "security_groups", "vpc_id", "assign_public_ip") {
		return
	}
	if len(c.SubnetIDs) > 16 {
		r.add("subnet_ids", "lists %d subnets; a task can name at most 16", len(c.SubnetIDs))
	}
	if len(c.SubnetIDs) > 0 {
		if len(c.SecurityGroups) == 0 && c.VPCID == "" {
			r.add("subnet_ids", "says where tasks run, but not with which security group; add security_groups, or vpc_id to have one made that only lets traffic out")
		}
		return
	}
	const own = "without subnet_ids the fleet makes a VPC of its own"
	if len(c.SecurityGroups) > 0 {
		r.add("security_groups", "%s, which these groups do not belong to; add subnet_ids or delete security_groups", own)
	}
	if c.VPCID != "" {
		r.add("vpc_id", "%s; add subnet_ids or delete vpc_id", own)
	}
	if !c.AssignPublicIP {
		r.add("assign_public_ip", "%s, whose subnets are public: without a public address a task cannot reach GitHub; add subnet_ids or delete assign_public_ip", own)
	}
}

func checkIDs(r *review, key string, ids []string, form *regexp.Regexp, what string) {
	for i, id := range ids {
		if !form.MatchString(id) {
			r.add(indexed(key, i), "%s is not %s", quote(id), what)
		} else if slices.Contains(ids[:i], id) {
			r.add(indexed(key, i), "%s is listed twice", quote(id))
		}
	}
}

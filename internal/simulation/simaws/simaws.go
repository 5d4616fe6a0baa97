// Package simaws is ECS on Fargate, CodeBuild and ECR inside a simulated world, as
// far as the fleet can see them.
//
// What they do is what their makers published, not what the fleet expects: a
// RunTask with the token of an earlier one is a conflict, a build says nothing while
// it builds, and a task that was just started is not known yet. Each such fact has
// its source beside it and a test of its own.
//
// Everything happens in the kernel's virtual time and on its one goroutine.
package simaws

import (
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Config is one account in one region, with what the fleet's stack has made there.
type Config struct {
	Cluster         string // name
	Account, Region string
	// Subnets are those of the account: RunTask refuses others.
	Subnets []string
	// VCPUQuota is how many vCPUs may run on demand at once, and SpotVCPUQuota on
	// Spot; 0 is no limit.
	VCPUQuota, SpotVCPUQuota float64

	// Project is CodeBuild's project for x64; the one for arm64 ends in -arm64.
	Project string
	// Repository is the name of ECR's repository.
	Repository string
	// BuildTakes is the length of a build's phase BUILD; 0 is three minutes.
	BuildTakes time.Duration
	// ConcurrentBuilds is how many builds of one project run at once; 0 is 1, what a
	// new account has. Five times as many can be queued.
	ConcurrentBuilds int
}

// ClusterARN is what events and tasks call the cluster.
func (c Config) ClusterARN() string { return c.arn("ecs", "cluster/"+c.Cluster) }

// RepositoryURI is what images are pulled from and pushed to.
func (c Config) RepositoryURI() string {
	return c.Account + ".dkr.ecr." + c.Region + ".amazonaws.com/" + c.Repository
}

func (c Config) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + c.Region + ":" + c.Account + ":" + resource
}

// ids numbers what a service makes. The numbers look like its ids; they are the same
// in every history, for nobody may depend on them.
type ids struct {
	stream string
	n      uint64
}

// hex is the next id of 32 hexadecimal digits.
func (i *ids) hex() string {
	i.n++
	return fmt.Sprintf("%016x%016x", kernel.Mix(0, i.stream, i.n), kernel.Mix(1, i.stream, i.n))
}

// uuid is the next id in the form of a UUID.
func (i *ids) uuid() string {
	h := i.hex()
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

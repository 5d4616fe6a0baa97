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
	"encoding/binary"
	"encoding/hex"
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
// in every history, for nothing may depend on them.
type ids struct {
	stream string
	n      uint64
}

// next is the next id.
func (i *ids) next() (id [16]byte) {
	i.n++
	binary.BigEndian.PutUint64(id[:8], kernel.Mix(0, i.stream, i.n))
	binary.BigEndian.PutUint64(id[8:], kernel.Mix(1, i.stream, i.n))
	return id
}

// hex is the next id in 32 hexadecimal digits.
func (i *ids) hex() string {
	id := i.next()
	return hex.EncodeToString(id[:])
}

// uuid is the next id in the form of a UUID.
func (i *ids) uuid() string {
	id := i.next()
	text := make([]byte, 0, 36)
	for n, end := range []int{4, 6, 8, 10, 16} {
		if n > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, id[(len(text)-n)/2:end])
	}
	return string(text)
}

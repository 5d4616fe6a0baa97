package runnerfleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// mostPolicy is how many bytes of JSON the policy may have. A function's environment
// has at most 4 KB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), of which
// names, ARNs and up to 16 subnets take the rest.
const mostPolicy = 2600

// mostGroups are the security groups that a task can have
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html).
const mostGroups = 5

// Check returns every reason why these props cannot make a fleet, beyond the
// problems of the configuration.
func (p Props) Check() error {
	var problems []error
	if p.Config.FleetName == "" {
		return errors.New("props have no configuration; FromEnvironment, Load and Parse make one")
	}
	if n := len(policyJSON(p.Config, someSources(p.Config))); n > mostPolicy {
		problems = append(problems, fmt.Errorf("github_repo, fleet_labels, extra_runner_images, allowed_registries, base_image_repositories, refusal_url, policy: together %d bytes, and a function's environment has room for %d; list fewer or shorten them", n, mostPolicy))
	}
	if p.VPC == nil && p.Subnets != nil {
		problems = append(problems, errors.New("props select subnets from a VPC, and give no VPC"))
	}
	if p.VPC != nil && len(p.Config.SubnetIDs) > 0 {
		problems = append(problems, errors.New("subnet_ids: a VPC is given too; delete one of them"))
	}
	if len(p.SecurityGroups) > 0 && p.VPC == nil {
		problems = append(problems, errors.New("props have security groups, and no VPC that they belong to; give their VPC, or name groups as security_groups beside subnet_ids"))
	}
	if n := len(p.SecurityGroups); n > mostGroups {
		problems = append(problems, fmt.Errorf("props have %d security groups; a task can have at most %d", n, mostGroups))
	}
	if _, err := p.Config.Authorities(p.Dir, time.Now()); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, p.checkFunctionNetwork()...)
	problems = append(problems, p.checkImages()...)
	return errors.Join(problems...)
}

// checkFunctionNetwork refuses networks in which a function reaches nothing: it gets no
// public address (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html).
func (p Props) checkFunctionNetwork() []error {
	const want = "name private subnets with a way to GitHub and to AWS as subnet_ids"
	switch {
	case !p.Config.FunctionsInVPC:
	case p.VPC != nil && *p.VPC.SelectSubnets(selection(p)).HasPublic:
		return []error{errors.New("functions_in_vpc: the selected subnets of the VPC are public, where a function has no way out; give a VPC with private subnets that have one")}
	case p.VPC == nil && len(p.Config.SubnetIDs) == 0:
		return []error{errors.New("functions_in_vpc: without subnet_ids the fleet makes a VPC with public subnets, where a function has no way out; " + want)}
	case len(p.Config.SubnetIDs) > 0 && p.Config.AssignPublicIP:
		return []error{errors.New("functions_in_vpc: assign_public_ip is for subnets without another way out, and a function gets no public address; " + want)}
	}
	return nil
}

func (p Props) checkImages() (problems []error) {
	labels := slices.Sorted(maps.Keys(p.Config.ExtraRunnerImages))
	for i, label := range labels {
		file := p.dockerfile(label)
		key := "extra_runner_images." + label
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			problems = append(problems, fmt.Errorf("%s: there is no Dockerfile %s; paths begin from the folder of fleet.yaml", key, file))
		} else if err := walkContext(runner.Folder{Dir: filepath.Dir(file), Dockerfile: filepath.Base(file)}, func(string, fs.DirEntry) error { return nil }); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
		}
		if path.Join("extra", label) != "extra/"+label || strings.HasPrefix(label, ".") {
			problems = append(problems, fmt.Errorf("%s: the label cannot name a folder; choose one without a leading dot or slash", key))
		}
		for _, other := range labels[:i] {
			if strings.HasPrefix(label, other+"/") {
				problems = append(problems, fmt.Errorf("%s: the label %s would be a folder above it; choose another", key, other))
			}
		}
	}
	return problems
}

// dockerfile is where the Dockerfile of an extra image is.
func (p Props) dockerfile(label string) string {
	file := p.Config.ExtraRunnerImages[label]
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(p.Dir, file)
}

// policy is what the functions get of the configuration.
func (p Props) policy(sources map[string]string) string {
	policy := policyJSON(p.Config, sources)
	if p.repositories == nil {
		return policy
	}
	encoded, err := json.Marshal(p.Config.Policy().Repositories)
	if err != nil {
		panic(err) // strings: they marshal
	}
	return strings.Replace(policy, `"repositories":`+string(encoded), `"repositories":`+*p.repositories, 1)
}

// policyJSON is the policy as the functions read it. The classes are
// in a parameter, where they can be changed without a deployment.
func policyJSON(c Config, sources map[string]string) string {
	policy := c.Policy()
	policy.ImageSources = sources
	policy.Classes = nil
	encoded, err := json.Marshal(policy)
	if err != nil {
		panic(err) // a plain struct: it marshals or a test fails
	}
	return string(encoded)
}

// someSources are as long as those of the images will be.
func someSources(c Config) map[string]string {
	sources := map[string]string{}
	for _, arch := range archs(c) {
		const source = "0123456789abcdef"
		sources[fleet.SourceOf(fleet.BaseImage, "", arch)], sources[fleet.SourceOf(fleet.OnDemandImage, "", arch)] = source, source
		for label := range c.ExtraRunnerImages {
			sources[fleet.SourceOf(fleet.ExtraImage, label, arch)] = source
		}
	}
	return sources
}

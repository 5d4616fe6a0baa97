package doctor

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Quota is a limit of an AWS account in a region.
type Quota struct {
	Service string // as Service Quotas calls it
	Code    string
	Name    string
	Value   float64
}

// quotaSource are the quotas that apply to the account.
type quotaSource interface {
	// Quotas lists those of a service.
	Quotas(ctx context.Context, service string) ([]Quota, error)
}

// Quotas are the limits that the fleet needs.
type Quotas struct {
	Source quotaSource
	Region string // for commands
	// BuildsAtOnce are how many builds run at once for jobs, by architecture. nil is not
	// known.
	BuildsAtOnce func(ctx context.Context) (map[fleet.Arch]int, error)
}

// cpuUnits are the CPU units of a vCPU.
const cpuUnits = 1024

// The names of quotas.
// https://docs.aws.amazon.com/general/latest/gr/ecs-service.html#limits_fargate
// https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
const (
	fargateOnDemand = "Fargate On-Demand vCPU resource count"
	fargateSpot     = "Fargate Spot vCPU resource count"
)

// VCPUs are how many vCPUs an account may use at once on each capacity provider, by the
// quotas of Fargate. A provider whose quota is not among them is not in it.
func VCPUs(all []Quota) map[fleet.CapacityProvider]float64 {
	allowed := map[fleet.CapacityProvider]float64{}
	for _, q := range all {
		switch {
		case strings.EqualFold(q.Name, fargateOnDemand):
			allowed[fleet.Fargate] = q.Value
		case strings.EqualFold(q.Name, fargateSpot):
			allowed[fleet.FargateSpot] = q.Value
		}
	}
	return allowed
}

var buildMachines = map[fleet.Arch]string{
	fleet.X64:   "Concurrently running builds for Linux/Small environment",
	fleet.ARM64: "Concurrently running builds for ARM/Small environment",
}

func (s *Setup) ofQuotas() []Check {
	const needs = "servicequotas:ListServiceQuotas"
	checks := []Check{{Name: "fargate_quota", Needs: needs, Run: func(ctx context.Context) Result { return s.vcpus(ctx, fargateOnDemand, s.Policy.Classes) }}}
	spot := maps.Clone(s.Policy.Classes)
	maps.DeleteFunc(spot, func(_ string, c fleet.Class) bool { return !c.Spot })
	if len(spot) > 0 {
		checks = append(checks, Check{Name: "fargate_spot_quota", Needs: needs, Run: func(ctx context.Context) Result { return s.vcpus(ctx, fargateSpot, spot) }})
	}
	if s.Quotas.BuildsAtOnce != nil {
		checks = append(checks, Check{Name: "build_quota", Needs: needs + ", codebuild:BatchGetProjects", Run: s.builds})
	}
	return checks
}

// quota finds a quota by its name.
func (s *Setup) quota(ctx context.Context, service, name string) (Quota, Result, bool) {
	all, err := s.Quotas.Source.Quotas(ctx, service)
	if err != nil {
		return Quota{}, s.unchecked(err, "AWS", "allow servicequotas:ListServiceQuotas, or look at the quota "+name+" yourself"), false
	}
	i := slices.IndexFunc(all, func(q Quota) bool { return strings.EqualFold(q.Name, name) })
	if i < 0 {
		return Quota{}, Found(Finding{
			Severity: Unchecked, What: fmt.Sprintf("Service Quotas lists no %q of %s", name, service), Whose: "AWS", Do: "look at the quotas of " + service + " in the AWS console",
		}), false
	}
	return all[i], Result{}, true
}

func (s *Setup) raise(q Quota, to float64) string {
	return fmt.Sprintf("aws service-quotas request-service-quota-increase --service-code %s --quota-code %s --desired-value %g --region %s", q.Service, q.Code, to, s.Quotas.Region)
}

// vcpus compares the account's vCPUs with those that max_runners of the largest class have.
func (s *Setup) vcpus(ctx context.Context, name string, classes map[string]fleet.Class) Result {
	q, result, ok := s.quota(ctx, "fargate", name)
	if !ok {
		return result
	}
	var largest string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		if largest == "" || classes[class].CPU > classes[largest].CPU {
			largest = class
		}
	}
	one := float64(classes[largest].CPU) / cpuUnits
	need := math.Ceil(one * float64(s.Policy.MaxRunners))
	if q.Value >= need {
		return Healthy("%g vCPUs, and %d runners of the class %s have %g", q.Value, s.Policy.MaxRunners, largest, need)
	}
	f := Finding{
		Severity: Warning, Whose: "AWS account", Command: s.raise(q, need),
		What: fmt.Sprintf("the quota %q is %g vCPUs, and %d runners (max_runners) of the class %s need %g: beyond %d of them runs wait", name, q.Value, s.Policy.MaxRunners, largest, need, int(q.Value/one)),
		Do:   "have the quota raised, or lower max_runners; other uses of Fargate in the account count too",
	}
	if q.Value < one {
		f.Severity = Error
		f.What = fmt.Sprintf("the quota %q is %g vCPUs, and a runner of the class %s has %g: none can start", name, q.Value, largest, one)
	}
	return Found(f)
}

// builds compares the account's builds at once with those that jobs may have, and one more
// for the fleet's own images.
func (s *Setup) builds(ctx context.Context) Result {
	limits, err := s.Quotas.BuildsAtOnce(ctx)
	if err != nil {
		return s.unchecked(err, "AWS", "allow codebuild:BatchGetProjects")
	}
	var findings []Finding
	says := "jobs have no images built"
	for _, arch := range slices.Sorted(maps.Keys(limits)) {
		q, result, ok := s.quota(ctx, "codebuild", buildMachines[arch])
		if !ok {
			findings = append(findings, result.Findings...)
			continue
		}
		need := float64(limits[arch] + 1)
		says = fmt.Sprintf("%g builds at once", q.Value)
		if q.Value < need {
			findings = append(findings, Finding{
				About: []string{string(arch)}, Severity: Warning, Whose: "AWS account", Command: s.raise(q, need),
				What: fmt.Sprintf("the quota %q is %g, and %d builds for jobs (on_demand_builds_at_once) leave none for the fleet's own images", q.Name, q.Value, limits[arch]),
				Do:   "have the quota raised, or lower on_demand_builds_at_once",
			})
		}
	}
	if findings != nil {
		return Found(findings...)
	}
	return Healthy("%s", says)
}

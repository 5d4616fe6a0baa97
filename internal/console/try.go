package console

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// tryView is a question to the policy, and its answer.
type tryView struct {
	Labels, Repository, Visibility, Event, Branch, Fork string
	Repositories                                        []string
	Asked                                               bool
	State                                               state
	Decision                                            fleet.Decision
	VCPU, Memory, Image                                 string
	Minute, Spot                                        float64
	RunsOn                                              string
	Examples                                            []link
	Unknown                                             bool // the fleet has not noted its policy
}

// tryPage decides about a job that is described by labels, with the function that the fleet
// and `ecsrunner explain` decide with. Nothing is started.
func (c *Console) tryPage(ctx context.Context, q url.Values) (page, error) {
	s, err := c.Records.Settings(ctx)
	if err != nil {
		return page{}, err
	}
	get := func(name string) string { return fleet.Clip(strings.TrimSpace(q.Get(name)), 2000) }
	v := tryView{Labels: get("labels"), Repository: get("repository"), Visibility: get("visibility"), Event: get("event"), Branch: get("branch"), Fork: get("fork"), Repositories: s.Repositories, Asked: q.Has("labels")}
	policy := report.PolicyOf(s)
	v.Unknown = len(policy.Classes) == 0
	for _, labels := range []string{"self-hosted, class:" + s.DefaultClass, "self-hosted, class:" + s.DefaultClass + ", image:node:24-bookworm", "self-hosted, class:gigantic", "ubuntu-latest"} {
		v.Examples = append(v.Examples, link{"/try?" + url.Values{"labels": {labels}, "event": {"push"}, "branch": {"main"}, "fork": {"false"}}.Encode(), labels})
	}
	if v.Asked && !v.Unknown {
		v.decide(policy)
	}
	return page{Title: "Try", Nav: "/try", Lead: "What the fleet would do with a job, decided by its own function. Nothing is started.", Regions: []region{
		{ID: "ask", Template: "tryask", Data: v, Fixed: true, Wide: true},
		{ID: "decision", Template: "trydecision", Data: v, Wide: true},
	}}, nil
}

func (v *tryView) decide(policy fleet.Policy) {
	labels := slices.DeleteFunc(strings.Split(v.Labels, ","), func(l string) bool { return strings.TrimSpace(l) == "" })
	for i, l := range labels {
		labels[i] = strings.TrimSpace(l)
	}
	job := fleet.Job{Repository: v.Repository, Visibility: v.Visibility, Private: v.Visibility != fleet.VisibilityPublic, Labels: labels, HeadBranch: v.Branch}
	if job.Repository == "" && len(policy.Repositories) > 0 {
		job.Repository = policy.Repositories[0]
	}
	if job.Visibility == "" {
		job.Visibility = fleet.VisibilityPrivate
	}
	if v.Event != "" {
		job.Origin.Event = &v.Event
	}
	if fork, err := strconv.ParseBool(v.Fork); err == nil {
		job.Origin.Fork = &fork
	}
	v.RunsOn = "runs-on: [" + strings.Join(labels, ", ") + "]"
	if !policy.AllowsRepository(job.Repository) {
		v.Decision = fleet.Decision{Verdict: fleet.Ignored, Rule: "repository.not_served", Reason: policy.NotServed(job.Repository)}
	} else {
		v.Decision = policy.Admit(job)
	}
	v.State = stateOf(v.Decision.Verdict)
	if v.Decision.Verdict != fleet.Admitted {
		return
	}
	size := v.Decision.Size
	v.VCPU, v.Memory, v.Image = number(float64(size.CPU)/1024), number(float64(size.Memory)/1024)+" GB", v.Decision.Image.String()
	v.Minute = price.Minute(size, fleet.Fargate)
	if size.Spot {
		v.Spot = price.Minute(size, fleet.FargateSpot)
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

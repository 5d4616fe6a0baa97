package forecast

import (
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// does says what a kind of fault does.
func does(name string) string {
	for _, kind := range simulation.Kinds {
		if kind.Name == name {
			text, _, _ := strings.Cut(kind.Does, ";")
			return text
		}
	}
	return ""
}

// Assumptions say what the simulation rests on, with the source of each number.
func (p Plan) Assumptions() []string {
	says := []string{
		"This is a simulation, and no measurement: no job ran. The state machine, its steps, the webhook, the claim and the sweep are the fleet's own code; GitHub, ECS, CodeBuild, DynamoDB and Lambda are simulated from what their makers publish.",
		fmt.Sprintf("A task takes %s to %s from RunTask until its container runs. AWS publishes no such times; a sample in its documentation takes 24s. A large image takes longer than assumed here: users report some 70s for 900 MB (aws/containers-roadmap#696).", simaws.LeastLaunch, simaws.MostLaunch),
		fmt.Sprintf("GitHub's runner takes %s to %s more until it connects, and GitHub up to a second to assign a job: assumed, for GitHub publishes neither.", simulation.LeastRunnerStart, simulation.MostRunnerStart),
		fmt.Sprintf("The base image is there before the first job. Any other image is built when it is first wanted, for %s and CodeBuild's own phases: assumed.", simaws.UsualBuild),
		"Repositories are private, jobs are pushed to branches of their own repository, and an AWS account has no limit of vCPUs.",
	}
	if p.Workload.Made {
		says = append(says, fmt.Sprintf("The jobs are made from seed %d; nobody has had them.", p.Seed))
	} else {
		says = append(says, "Each job takes as long here as it took when it was recorded. Jobs that are of one workflow run by run_id share it; any other is a run of its own.")
	}
	policy := p.Config.Policy()
	switch {
	case policy.Enterprise != "":
		says = append(says, "Runners are registered in each repository, not in the enterprise.")
	case policy.GitHubApp && policy.Organization == "":
		says = append(says, "The fleet uses a token with 5,000 requests an hour in place of its GitHub App.")
	}
	says = append(says, p.aboutPools()...)
	prices := "Costs are list prices of %s as of %s, and Spot's is a rule of thumb; logs, public addresses and what an idle fleet costs are not in them."
	book := p.book()
	if book.Estimated {
		prices = "Costs are an estimate: no prices of %s are known, so they are list prices of us-east-1 as of %s, and Spot's is a rule of thumb; logs, public addresses and what an idle fleet costs are not in them."
	}
	return append(says, fmt.Sprintf(prices, book.Region, book.AsOf))
}

// Lasts is a time for people: in days and hours.
func Lasts(d time.Duration) string {
	if d = d.Round(time.Minute); d >= 24*time.Hour {
		return fmt.Sprintf("%dd %dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
	return strings.TrimSuffix(d.String(), "0s")
}

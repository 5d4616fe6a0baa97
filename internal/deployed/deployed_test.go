package deployed

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// with is a function in an environment.
func with(env map[string]string) *Function {
	getenv := func(name string) string { return env[name] }
	return &Function{getenv: getenv, aws: awsConfig(getenv)}
}

func TestAllThatIsMissingIsToldAtOnce(t *testing.T) {
	f := with(map[string]string{deployment.EnvPolicy: "{", deployment.EnvGitHubURL: "ftp://github.com"})
	f.Fleet()
	f.Executions()
	f.Launcher()
	f.GitHub()
	err := f.check()
	if err == nil {
		t.Fatal("a function without a table may start")
	}
	for _, name := range []string{
		deployment.EnvPolicy + " cannot be read", deployment.EnvTable + " is not set", deployment.EnvStateMachine + " is not set", deployment.EnvCluster + " is not set",
		deployment.EnvSubnets + " is not set", deployment.EnvGitHubURL + ": ", deployment.EnvGitHubPAT + " is not set",
	} {
		if strings.Count(err.Error(), name) != 1 {
			t.Errorf("%q is not told once: %v", name, err)
		}
	}
}

func TestWhatIsSetIsUsed(t *testing.T) {
	policy := fleet.Policy{
		FleetName: "ci", Repositories: []string{"octo-org/app"}, BaseImage: "base", MaxRunners: 7, Limits: fleet.DefaultLimits(),
		ExtraImages: map[string]string{"playwright": "images/playwright/Dockerfile"}, Registries: fleet.DefaultRegistries,
	}
	encoded, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	f := with(map[string]string{
		deployment.EnvPolicy: string(encoded), deployment.EnvTable: "records", deployment.EnvCluster: "arn:cluster",
		deployment.EnvSubnets: "subnet-1,subnet-2", deployment.EnvSecurityGroups: "sg-1", deployment.EnvAssignPublicIP: "true",
		deployment.EnvAPIURL: "https://api.example/",
	})
	if diff := cmp.Diff(policy, f.policy()); diff != "" {
		t.Errorf("the policy is another one after its way through the environment:\n%s", diff)
	}
	home, launcher := f.Fleet(), f.Launcher()
	if err := f.check(); err != nil {
		t.Error(err)
	}
	if home.Name != "ci" || home.MaxRunners != 7 || home.Limits != policy.Limits {
		t.Errorf("fleet %+v", home)
	}
	if n := launcher.Network; len(n.Subnets) != 2 || len(n.SecurityGroups) != 1 || !n.AssignPublicIP || launcher.Cluster != "arn:cluster" || launcher.FleetName != "ci" {
		t.Errorf("launcher %+v", launcher)
	}
	if f.APIURL() != "https://api.example" {
		t.Errorf("url %s: a path follows it", f.APIURL())
	}
}

func TestTheSDKTriesTwiceMore(t *testing.T) {
	if n := awsConfig(func(string) string { return "" }).Retryer().MaxAttempts(); n != 3 {
		t.Errorf("%d attempts: the state machine tries again too", n)
	}
}

func TestWarmingUpNeitherFailsNorWaits(t *testing.T) {
	f := with(nil)
	f.Log = discard
	var deadline time.Time
	f.warm = append(f.warm,
		func(context.Context) error { return errors.New("no such table") },
		func(ctx context.Context) error { deadline, _ = ctx.Deadline(); return ctx.Err() },
	)
	f.warmUp()
	if deadline.IsZero() {
		t.Error("a call ahead of the first invocation has no end: Lambda stops a function after ten seconds")
	}
}

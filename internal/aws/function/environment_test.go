package function_test

import (
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// with is a function in an environment.
func with(env map[string]string) *function.Function {
	return function.New(func(name string) string { return env[name] }, aws.Config{}, slog.New(slog.DiscardHandler))
}

func TestReportsEveryMissingVariable(t *testing.T) {
	f := with(map[string]string{deployment.EnvPolicy: "{", deployment.EnvGitHubURL: "ftp://github.com"})
	records := dynamo.Records(f)
	operations.Fleet(f, records, stepfn.ExecutionsOf(f), githubapi.Of(f, records), ecsfleet.Launcher(f))
	err := f.Check()
	if err == nil {
		t.Fatal("a function without a table may start")
	}
	for _, name := range []string{
		deployment.EnvPolicy + " cannot be read", deployment.EnvTable + " is not set", deployment.EnvStateMachine + " is not set", deployment.EnvCluster + " is not set",
		deployment.EnvSubnets + " is not set", deployment.EnvGitHubURL + ": ", deployment.EnvGitHubPAT + " is not set",
	} {
		if strings.Count(err.Error(), name) != 1 {
			t.Errorf("%q is not reported once: %v", name, err)
		}
	}
}

func TestTheAuthoritiesOfAGitHubServer(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	file := filepath.Join(t.TempDir(), "github-ca.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	github := func(file string) (*function.Function, error) {
		f := with(map[string]string{deployment.EnvPolicy: "{}", deployment.EnvTable: "records", deployment.EnvGitHubURL: server.URL, deployment.EnvGitHubPAT: "pat", deployment.EnvGitHubCA: file})
		githubapi.Of(f, dynamo.Records(f))
		return f, f.Check()
	}
	if f, err := github(file); err != nil || githubapi.Authorities(f) != string(authority) {
		t.Errorf("got %q, %v", githubapi.Authorities(f), err)
	}
	if f, err := github(""); err != nil || githubapi.Authorities(f) != "" {
		t.Errorf("without: %v", err)
	}
	// Functions that cannot trust GitHub must not start.
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, file + ".gone"} {
		if _, err := github(bad); err == nil || !strings.Contains(err.Error(), deployment.EnvGitHubCA+": ") {
			t.Errorf("%s: %v", bad, err)
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
	if diff := cmp.Diff(policy, f.Policy()); diff != "" {
		t.Errorf("the policy is another one after its way through the environment:\n%s", diff)
	}
	launcher := ecsfleet.Launcher(f)
	lc := operations.Fleet(f, dynamo.Records(f), nil, nil, launcher)
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	if lc.Name != "ci" || lc.MaxRunners != 7 || lc.Limits != policy.Limits {
		t.Errorf("fleet %+v", lc)
	}
	if n := launcher.Network; len(n.Subnets) != 2 || len(n.SecurityGroups) != 1 || !n.AssignPublicIP || launcher.Cluster != "arn:cluster" || launcher.FleetName != "ci" {
		t.Errorf("launcher %+v", launcher)
	}
	if f.APIURL() != "https://api.example" {
		t.Errorf("url %s: a path follows it", f.APIURL())
	}
}

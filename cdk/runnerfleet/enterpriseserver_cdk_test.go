//go:build cdk

package runnerfleet_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/authoritytest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// serverFile has what a GitHub Enterprise Server with an authority of its own, in a private
// network, changes in the template of the same fleet without, by resource.
const serverFile = "testdata/enterprise-server.golden.json"

var (
	privateSubnets = []string{"subnet_ids: [subnet-0a1b2c3d, subnet-0b1b2c3d]", "security_groups: [sg-0a1b2c3d]"}
	privateServer  = append(slices.Clone(privateSubnets), "github_url: https://git.corp.example", "github_ca: github-ca.pem", "functions_in_vpc: true")
)

// withAuthority is a folder with the file of github_ca.
func withAuthority(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "github-ca.pem"), []byte(authoritytest.New(t, "Corp Root", nil).Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAnEnterpriseServer(t *testing.T) {
	before := of(t, privateSubnets...)
	built := synth(t, runnerfleet.Props{Config: parse(t, privateServer...), Dir: withAuthority(t)})
	checkPolicies(t, built)

	changed := map[string]any{}
	for id, r := range built.Resources {
		was, there := before.Resources[id]
		if !there {
			t.Errorf("%s is made in addition", id)
		}
		delete(r.Properties, "Code") // its name is a hash
		delete(was.Properties, "Code")
		if !cmp.Equal(was.Properties, r.Properties) {
			changed[id] = difference(was.Properties, r.Properties)
		}
	}
	holdTo(t, serverFile, encoded(t, changed))
}

// difference is what is in a property and was not before: of an object the keys that have
// changed, of a list that has grown the elements that are new.
func difference(was, is any) any {
	switch is := is.(type) {
	case map[string]any:
		before, ok := was.(map[string]any)
		if !ok {
			return is
		}
		changed := map[string]any{}
		for key, value := range is {
			if !cmp.Equal(before[key], value) {
				changed[key] = difference(before[key], value)
			}
		}
		return changed
	case []any:
		before, _ := was.([]any)
		if len(before) == len(is) {
			changed := []any{}
			for i, value := range is {
				changed = append(changed, difference(before[i], value))
			}
			return changed
		}
		return slices.DeleteFunc(slices.Clone(is), func(value any) bool {
			return slices.ContainsFunc(before, func(old any) bool { return cmp.Equal(old, value) })
		})
	}
	return is
}

// TestWhichFunctionsReachTheServer compares the functions in the VPC, those that trust the
// server's authority and those that ask GitHub.
func TestWhichFunctionsReachTheServer(t *testing.T) {
	built := synth(t, runnerfleet.Props{Config: parse(t, privateServer...), Dir: withAuthority(t)})
	asking := 0
	for _, f := range functions.All {
		network := at[map[string]any](built.function(f.Folder()).Properties, "VpcConfig")
		file, trusting := env(built, f.Folder(), deployment.EnvGitHubCA).(string)
		if f.CallsGitHub() != (network != nil) || f.CallsGitHub() != trusting || trusting && file != "/var/task/github-ca.pem" {
			t.Errorf("%s asks GitHub: %t; it is in %v, and trusts %q", f.Name, f.CallsGitHub(), network, file)
		}
		if network == nil {
			continue
		}
		asking++
		if diff := cmp.Diff(map[string]any{"SubnetIds": []any{"subnet-0a1b2c3d", "subnet-0b1b2c3d"}, "SecurityGroupIds": []any{"sg-0a1b2c3d"}}, network); diff != "" {
			t.Errorf("%s (-want +is):\n%s", f.Name, diff)
		}
		if resources := may(built, f.Folder(), "ec2:CreateNetworkInterface"); resources != "*" {
			t.Errorf("Lambda connects %s to %q", f.Name, resources)
		}
	}
	if asking != 6 {
		t.Errorf("%d functions ask GitHub", asking)
	}
	without := of(t, privateSubnets...)
	if text := flat(without.Resources); strings.Contains(text, "VpcConfig") || strings.Contains(text, "NetworkInterface") || strings.Contains(text, deployment.EnvGitHubCA) {
		t.Error("a fleet of GitHub itself has something of it")
	}
}

// A group that the deployment makes is the functions' as it is the tasks'.
func TestFunctionsHaveTheGroupThatIsMade(t *testing.T) {
	stack := newStack(newApp(), "own")
	vpc := newVPC(stack, true)
	props := runnerfleet.Props{Config: parse(t, "github_url: https://git.corp.example", "functions_in_vpc: true"), VPC: vpc}
	runnerfleet.New(stack, "Fleet", props)
	built := templateOf(t, stack)
	network := flat(at[map[string]any](built.function("claim").Properties, "VpcConfig"))
	for _, id := range slices.Concat(built.ids("AWS::EC2::SecurityGroup"), slices.DeleteFunc(built.ids("AWS::EC2::Subnet"), func(id string) bool { return !strings.Contains(id, "Private") })) {
		if !strings.Contains(network, `"`+id+`"`) {
			t.Errorf("the functions are not in %s: %s", id, network)
		}
	}
	props.VPC = newVPC(newStack(newApp(), "public"), false)
	if err := props.Check(); err == nil || !strings.Contains(err.Error(), "functions_in_vpc: ") {
		t.Errorf("public subnets: %v", err)
	}
}

// Functions that ask GitHub have the authority beside their programs.
func TestAuthoritiesAreInTheAssets(t *testing.T) {
	lines := []string{"github_url: https://git.corp.example", "github_ca: github-ca.pem"}
	dir := withAuthority(t)
	want, err := os.ReadFile(filepath.Join(dir, "github-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	with, programs := 0, 0
	for _, folder := range assemble(t, runnerfleet.Props{Config: parse(t, lines...), Dir: dir}, t.TempDir()) {
		list := files(t, folder)
		if !slices.Contains(list, "bootstrap") {
			continue
		}
		programs++
		if len(list) == 1 {
			continue
		}
		with++
		if got, err := os.ReadFile(filepath.Join(folder, "github-ca.pem")); err != nil || string(got) != string(want) {
			t.Errorf("%v: %v", list, err)
		}
	}
	if with != 6 || programs != len(functions.All) {
		t.Errorf("%d of %d functions have the authority", with, programs)
	}
}

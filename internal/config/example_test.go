package config

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const examplePath = "../../examples/fleet.yaml"

var settingThatIsOff = regexp.MustCompile(`(?m)^#((?:  )?[a-z_]+: ?)`)

// uncomment turns on every setting of the example that is off. github_url is another one
// than shown, with which github_ca goes, and github_enterprise stays off: it excludes
// github_org.
func uncomment(example []byte) []byte {
	example = bytes.Replace(example, []byte("\n#github_enterprise: "), []byte("\n# github_enterprise: "), 1)
	example = bytes.Replace(example, []byte("\n#github_url: https://github.com\n"), []byte("\ngithub_url: https://github.example.com\n"), 1)
	return settingThatIsOff.ReplaceAll(example, []byte("$1"))
}

// enterpriseInPlace is uncomment with github_enterprise on in github_org's place.
func enterpriseInPlace(example []byte) []byte {
	example = bytes.Replace(example, []byte("\n#github_org: "), []byte("\n# github_org: "), 1)
	example = bytes.Replace(example, []byte("\n#github_enterprise: "), []byte("\ngithub_enterprise: "), 1)
	return uncomment(example)
}

func TestExampleLoadsAsItIs(t *testing.T) {
	got, err := Load(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse([]byte("github_repo: octo-org/example"), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a setting of the example is on:\n%s", diff)
	}
}

func TestExampleShowsEveryKeyAndDefault(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	full, err := Parse(uncomment(example), "examples/fleet.yaml with every setting on")
	if err != nil {
		t.Fatal(err)
	}
	inEnterprise, err := Parse(enterpriseInPlace(example), "examples/fleet.yaml with github_enterprise")
	if err != nil {
		t.Fatal(err)
	}
	full.Enterprise = inEnterprise.Enterprise
	byDefault, err := Load(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(example), "\n#github_url: "+byDefault.GitHubURL+"\n") {
		t.Error("the example shows another default of github_url")
	}
	full.GitHubURL = byDefault.GitHubURL
	hasNoDefault := map[string]bool{
		"aws_region": true, "webhook_secret_previous": true, "vpc_id": true, "subnet_ids": true, "security_groups": true,
		"extra_runner_images": true, "image_build_project": true, "required_label": true, "fleet_labels": true, "policy": true, "event_bus_name": true,
		"github_app": true, "github_ca": true, "github_org": true, "github_enterprise": true, "runner_group": true, "refusal_url": true, "docker_hub_mirror": true, "docker_hub_credentials": true, "base_image_repositories": true,
		"max_runners_per_repository": true, // depends on max_runners
		"assign_public_ip":           true, // depends on subnet_ids
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		key := reflect.TypeFor[Config]().Field(i).Tag.Get("yaml")
		if !regexp.MustCompile(`(?m)^#?` + key + `:`).Match(example) {
			t.Errorf("the example lacks %s", key)
		}
		shown, standard := reflect.ValueOf(full).Field(i), reflect.ValueOf(byDefault).Field(i)
		if hasNoDefault[key] {
			if key != "assign_public_ip" && shown.IsZero() {
				t.Errorf("the example shows no value of %s", key)
			}
		} else if diff := cmp.Diff(standard.Interface(), shown.Interface()); diff != "" {
			t.Errorf("the example shows another default of %s:\n%s", key, diff)
		}
	}
	_, limits := fieldsOf(reflect.TypeFor[fleet.Limits]())
	for _, key := range limits {
		if !regexp.MustCompile(`(?m)^#  ` + key + `: `).Match(example) {
			t.Errorf("the example lacks limits.%s", key)
		}
	}
}

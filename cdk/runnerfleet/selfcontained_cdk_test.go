//go:build cdk

package runnerfleet_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// withoutCDK is what only templates without the CDK have.
type withoutCDK struct {
	template
	Parameters map[string]struct{ Description, Type, AllowedPattern string }
	Rules      map[string]any
}

// written are the files of a template of examples/fleet.yaml, by their names.
func written(t *testing.T, options runnerfleet.TemplateOptions) map[string][]byte {
	t.Helper()
	config, err := runnerfleet.Load("../../examples/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "new", "folder")
	options.Folder = folder
	file, err := runnerfleet.WriteTemplate(runnerfleet.Props{Config: config, Dir: "../../examples"}, options)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(folder, "ecsrunner-fleet.template.json"); file != want {
		t.Errorf("the template is %s, want %s", file, want)
	}
	found := map[string][]byte{}
	for _, name := range files(t, folder) {
		if found[name], err = os.ReadFile(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestATemplateWithoutTheCDK writes it twice: it takes long.
func TestATemplateWithoutTheCDK(t *testing.T) {
	all := written(t, runnerfleet.TemplateOptions{})
	again := written(t, runnerfleet.TemplateOptions{})
	if names := slices.Sorted(maps.Keys(again)); !slices.Equal(names, slices.Sorted(maps.Keys(all))) {
		t.Errorf("the second time there are %v", names)
	}
	for name, content := range all {
		if !bytes.Equal(content, again[name]) {
			t.Errorf("%s is another one the second time", name)
		}
	}
	text := all["ecsrunner-fleet.template.json"]
	var built withoutCDK
	if err := json.Unmarshal(text, &built); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &built.template); err != nil {
		t.Fatal(err)
	}
	t.Run("needs nothing of the CDK", func(t *testing.T) {
		for _, foreign := range []string{"cdk-hnb659fds", "cdk-bootstrap", "BootstrapVersion"} {
			if bytes.Contains(text, []byte(foreign)) {
				t.Errorf("the template has %s in it", foreign)
			}
		}
		if len(built.Rules) > 0 {
			t.Errorf("rules %v", built.Rules)
		}
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
		if len(text) > 1000000 {
			t.Errorf("%d bytes: CloudFormation takes 1 MB", len(text))
		}
	})
	t.Run("names what is beside it, and nothing else is", func(t *testing.T) {
		checkAssets(t, built.template, all)
	})
	t.Run("is the stack that the CDK deploys", func(t *testing.T) {
		was := golden(t)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(was.Resources)), slices.Sorted(maps.Keys(built.Resources))); diff != "" {
			t.Errorf("resources (-CDK +template):\n%s", diff)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(was.Outputs)), slices.Sorted(maps.Keys(built.Outputs))); diff != "" {
			t.Errorf("outputs (-CDK +template):\n%s", diff)
		}
		checkPolicies(t, built.template)
	})
	t.Run("parameters", func(t *testing.T) {
		checkParameters(t, built)
	})
}

var zipName = regexp.MustCompile(`\$\{AssetPrefix\}([0-9a-f]{64}\.zip)`)

func checkAssets(t *testing.T, built template, all map[string][]byte) {
	t.Helper()
	named := map[string]bool{"ecsrunner-fleet.template.json": true}
	for id, r := range built.Resources {
		for _, m := range zipName.FindAllStringSubmatch(flat(r), -1) {
			named[m[1]] = true
			if all[m[1]] == nil {
				t.Errorf("%s names %s, which is not there", id, m[1])
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("(-named +there)\n%s", diff)
	}
	for _, f := range functions.All {
		name := f.Folder()
		code := at[map[string]any](built.function(name).Properties, "Code")
		key := zipName.FindStringSubmatch(at[string](code, "S3Key", "Fn::Sub"))
		if at[string](code, "S3Bucket", "Fn::Sub") != "${AssetBucket}" || key == nil {
			t.Errorf("%s has code %v", name, code)
			continue
		}
		if list := packed(t, all[key[1]]); !slices.Equal(list, []string{"-rwxr-xr-x bootstrap"}) {
			t.Errorf("%s has %v", name, list)
		}
	}
	source := at[string](built.only("AWS::CodeBuild::Project").Properties, "Source", "Location", "Fn::Join", 1, 1, "Fn::Sub")
	key := zipName.FindStringSubmatch(source)
	if key == nil || !slices.Contains(packed(t, all[key[1]]), "-rwxr-xr-x entrypoint-arm64") {
		t.Errorf("builds start from %s", source)
	}
	if read := buildMay(built, "s3:GetObject"); !strings.Contains(read, source) {
		t.Errorf("builds may read %s", read)
	}
}

// packed are the files of a zip with their modes.
func packed(t *testing.T, data []byte) (list []string) {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range reader.File {
		list = append(list, file.Mode().String()+" "+file.Name)
	}
	return list
}

// checkParameters holds the parameters to docs/without-the-cdk.md, and to what people give
// by mistake.
func checkParameters(t *testing.T, built withoutCDK) {
	t.Helper()
	page, err := os.ReadFile("../../docs/without-the-cdk.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllSubmatch(page, -1) {
		rows = append(rows, string(m[1]))
	}
	for _, m := range regexp.MustCompile("outputs\\[\"([A-Za-z]+)\"\\]").FindAllSubmatch(page, -1) {
		if built.Outputs[string(m[1])].Value == nil {
			t.Errorf("docs/without-the-cdk.md reads the output %s", m[1])
		}
	}
	slices.Sort(rows)
	rows = slices.DeleteFunc(rows, func(row string) bool { return row == runnerfleet.ParameterRepositories }) // of another test
	if diff := cmp.Diff(slices.Sorted(maps.Keys(built.Parameters)), rows); diff != "" {
		t.Errorf("(-parameters +rows of docs/without-the-cdk.md)\n%s", diff)
	}
	for name, values := range map[string]map[string]bool{
		runnerfleet.ParameterBucket:   {"my-bucket.eu": true, "s3://my-bucket": false, "my-bucket/zips": false, "": false},
		runnerfleet.ParameterPrefix:   {"": true, "ecsrunner/": true, "a/b_c.d/": true, "ecsrunner": false, "/ecsrunner/": false, "/": false},
		runnerfleet.ParameterBoundary: {"": true, "developers": true, "teams/ci": true, "arn:aws:iam::123456789012:policy/developers": false},
	} {
		parameter := built.Parameters[name]
		if parameter.Type != "String" || len(parameter.Description) < 20 {
			t.Errorf("%s is %+v", name, parameter)
		}
		for value, want := range values {
			if regexp.MustCompile(parameter.AllowedPattern).MatchString(value) != want {
				t.Errorf("%s takes %q: %t", name, value, !want)
			}
		}
	}
	for id, role := range built.list("AWS::IAM::Role") {
		if boundary := flat(role.Properties["PermissionsBoundary"]); boundary != `{"Fn::If":["HasPermissionsBoundary",{"Fn::Sub":"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundary}"},{"Ref":"AWS::NoValue"}]}` {
			t.Errorf("%s has boundary %s", id, boundary)
		}
		if role.Properties["RoleName"] != nil {
			t.Errorf("%s has a name: CAPABILITY_IAM is too little", id)
		}
	}
	if len(built.list("AWS::IAM::Role")) == 0 {
		t.Error("there are no roles")
	}
}

// A released template is not of one organization: the deployer names the repositories,
// and nothing that a name can have in it ends a string of JSON.
func TestATemplateThatAsksForTheRepositories(t *testing.T) {
	text := written(t, runnerfleet.TemplateOptions{AskForRepositories: true})["ecsrunner-fleet.template.json"]
	var built withoutCDK
	if err := json.Unmarshal(text, &built); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &built.template); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/without-the-cdk.md")
	if err != nil || !bytes.Contains(page, []byte("| `"+runnerfleet.ParameterRepositories+"` |")) {
		t.Errorf("docs/without-the-cdk.md has no row for the parameter, %v", err)
	}
	parameter := built.Parameters[runnerfleet.ParameterRepositories]
	if parameter.Type != "CommaDelimitedList" {
		t.Errorf("the parameter is %+v", parameter)
	}
	for value, want := range map[string]bool{"octo-org/app": true, "o/.github": true, "octo-org": false, "o/a b": false, `o/a","o/b`: false, "": false} {
		if regexp.MustCompile(parameter.AllowedPattern).MatchString(value) != want {
			t.Errorf("it takes %q: %t", value, !want)
		}
	}
	given := []string{"octo-org/app", "octo-org/web"}
	for _, f := range functions.All {
		encoded, found := built.function(f.Folder()).variables()[deployment.EnvPolicy]
		if !found {
			continue
		}
		parts := at[[]any](encoded, "Fn::Join", 1)
		var policy strings.Builder
		for _, part := range parts {
			if s, ok := part.(string); ok {
				policy.WriteString(s)
			} else if flat(part) == `{"Fn::Join":["\",\"",{"Ref":"GitHubRepositories"}]}` {
				policy.WriteString(strings.Join(given, `","`))
			} else {
				t.Errorf("%s has %s in its policy", f.Folder(), flat(part))
			}
		}
		var got fleet.Policy
		if err := json.Unmarshal([]byte(policy.String()), &got); err != nil {
			t.Fatalf("%s: %v", f.Folder(), err)
		}
		if !slices.Equal(got.Repositories, given) {
			t.Errorf("%s has the repositories %q", f.Folder(), got.Repositories)
		}
	}
}

package examples_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// requirements are the versions that a go.mod requires, by module, "go" and "toolchain".
func requirements(mod string) map[string]string {
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:\t|require )?(\S+/\S+|go|toolchain) (\S+)(?: // indirect)?$`).FindAllStringSubmatch(mod, -1) {
		found[m[1]] = m[2]
	}
	return found
}

// The example is copied to build on a version of this module. It must require the same
// versions as this module does: the deployment is tested with those.
func TestTheExampleIsReadyToBeCopied(t *testing.T) {
	const module = "github.com/ecs-runner-fleet/ecs-runner-fleet"
	mod := read(t, "ecs-fleet-example/go.mod")
	ours, its := requirements(read(t, "../go.mod")), requirements(mod)
	if version := its[module]; !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(version) || version == "v0.0.0" {
		t.Errorf("it requires version %q of this module, which nobody can have", version)
	} else if !strings.Contains(read(t, "ecs-fleet-example/README.md"), module+"@"+version) {
		t.Errorf("its README.md names another version than %s", version)
	}
	if strings.Contains(mod, "replace") {
		t.Error("go.mod replaces modules by what is beside it here, and not in a copy")
	}
	same := 0
	for name, version := range its {
		if other, both := ours[name]; both {
			same++
			if other != version {
				t.Errorf("it requires %s %s, and this module %s", name, version, other)
			}
		}
	}
	if same < 10 || its["go"] == "" {
		t.Errorf("%d requirements were compared", same)
	}

	type pins struct{ DevDependencies map[string]string }
	commandLine := func(file string) string {
		var p pins
		if err := json.Unmarshal([]byte(read(t, file)), &p); err != nil {
			t.Fatal(err)
		}
		return p.DevDependencies["aws-cdk"]
	}
	version := commandLine("ecs-fleet-example/package.json")
	if version == "" || version != commandLine("../package.json") || !strings.Contains(read(t, "ecs-fleet-example/package-lock.json"), `"aws-cdk": "`+version+`"`) {
		t.Errorf("its command line is %q, and this repository's %q", version, commandLine("../package.json"))
	}
}

//go:build cdk

package runnerfleet_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// changed are the resources of a type that an upgrade changes.
func changed(was, is template, kind string) (ids []string) {
	for id, r := range is.list(kind) {
		if flat(was.Resources[id]) != flat(r) {
			ids = append(ids, id)
		}
	}
	return slices.Sorted(slices.Values(ids))
}

// An upgrade gives functions new hashes of what images are made of. The projects that build
// have their new sources, bases and versions by then, and their role may read them.
func TestAnUpgradeChangesBuildsBeforeFunctions(t *testing.T) {
	const common = "extra_runner_images: {playwright: images/playwright/Dockerfile.ci}\ndefault_class: a\nrunner_class_sizes: {a: {cpu: 512, memory: 1024, arch: arm64}, b: {cpu: 512, memory: 1024}}\n"
	dir := withExtraImage(t)
	made := func(dir string, lines ...string) template {
		return synth(t, runnerfleet.Props{Config: parse(t, append(lines, common)...), Dir: dir})
	}
	was := made(dir)
	other := withExtraImage(t)
	if err := os.WriteFile(filepath.Join(other, "images", "playwright", "Dockerfile.ci"), []byte("FROM scratch\nUSER root\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for what, upgrade := range map[string]struct {
		is     template
		source bool // the source is another one, and its role's right to read it
	}{
		"a Dockerfile":       {made(other), true},
		"runner_base_image":  {made(dir, "runner_base_image: debian:12"), true},
		"runner_sudo":        {made(dir, "runner_sudo: false"), true},
		"soci_index":         {made(dir, "soci_index: true"), true},
		"runner_version":     {made(dir, "runner_version: 2.330.0"), false},
		"all of it together": {made(other, "runner_base_image: debian:12", "runner_sudo: false", "runner_version: 2.330.0"), true},
	} {
		is := upgrade.is
		projects, functions, roles := changed(was, is, "AWS::CodeBuild::Project"), changed(was, is, "AWS::Lambda::Function"), changed(was, is, "AWS::IAM::Role")
		if len(projects) != 2 || len(functions) == 0 || upgrade.source != (len(roles) == 1) {
			t.Errorf("%s changes projects %v, functions %v and roles %v", what, projects, functions, roles)
		}
		for _, id := range functions {
			if before := is.before(id); !before[projects[0]] || !before[projects[1]] {
				t.Errorf("%s: function %s is changed before the projects are", what, id)
			}
		}
		for _, project := range projects {
			if before := is.before(project); len(roles) == 1 && !before[roles[0]] {
				t.Errorf("%s: project %s has a source that its role may not read yet", what, project)
			}
		}
		// None is left that knows the images of before.
		for id, function := range is.list("AWS::Lambda::Function") {
			if told := function.variables()[deployment.EnvPolicy] != nil; told && !slices.Contains(functions, id) {
				t.Errorf("%s: function %s is told of the images before", what, id)
			}
		}
	}
}

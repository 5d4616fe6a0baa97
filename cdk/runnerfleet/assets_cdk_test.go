//go:build cdk

package runnerfleet_test

import (
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// assemble writes a whole cloud assembly, with everything compiled, and returns the
// folders of its assets by their hashes.
func assemble(t *testing.T, props runnerfleet.Props, dir string) map[string]string {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(dir), AnalyticsReporting: jsii.Bool(false)})
	runnerfleet.NewStack(app, props)
	app.Synth(nil)
	data, err := os.ReadFile(filepath.Join(dir, "ecsrunner-fleet.assets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Files map[string]struct {
			Source struct{ Path, Packaging string }
		}
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{}
	for hash, file := range manifest.Files {
		if file.Source.Packaging == "zip" {
			folders[hash] = filepath.Join(dir, file.Source.Path)
		}
	}
	return folders
}

// TestAssets compiles everything twice, at two places: what is deployed depends on
// the source alone.
func TestAssets(t *testing.T) {
	props := runnerfleet.Props{Config: parse(t, "extra_runner_images: {team/playwright: images/playwright/Dockerfile.ci}"), Dir: withExtraImage(t)}
	folders := assemble(t, props, t.TempDir())
	within := filepath.Join(props.Dir, "images", "playwright", "assembly") // of a build context, with what is left of the last time
	if err := os.MkdirAll(within, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(within, "left"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	again := assemble(t, props, within)
	if len(folders) != len(functions.All)+1 {
		t.Errorf("%d assets for %d functions and the build source", len(folders), len(functions.All))
	}
	for hash := range folders {
		if _, same := again[hash]; !same {
			t.Errorf("asset %s is another one at another place", files(t, folders[hash]))
		}
	}
	programs := 0
	for hash, folder := range folders {
		list := files(t, folder)
		if cmp.Equal(list, []string{"bootstrap"}) {
			programs++
			checkProgram(t, filepath.Join(folder, "bootstrap"), elf.EM_AARCH64)
			continue
		}
		want := []string{"Dockerfile", "Dockerfile.again", "build.sh", "entrypoint-amd64", "entrypoint-arm64", "extra/team/playwright/.dockerfile", "extra/team/playwright/Dockerfile.ci", "extra/team/playwright/files/hosts", "install.sh", "publish-amd64", "publish-arm64", runner.SourcesFile}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("asset %s (-want +got):\n%s", hash, diff)
		}
		for _, program := range []string{"entrypoint", "publish"} {
			checkProgram(t, filepath.Join(folder, program+"-amd64"), elf.EM_X86_64)
			checkProgram(t, filepath.Join(folder, program+"-arm64"), elf.EM_AARCH64)
		}
		for name, text := range runner.Context() {
			checkContent(t, filepath.Join(folder, name), text)
		}
		checkContent(t, filepath.Join(folder, "extra/team/playwright/.dockerfile"), "Dockerfile.ci")
	}
	if programs != len(functions.All) {
		t.Errorf("%d programs for %d functions", programs, len(functions.All))
	}
}

func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		list = append(list, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// checkProgram wants a static program for a processor that can be run.
func checkProgram(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	if program.Machine != machine || err != nil || len(libraries) > 0 {
		t.Errorf("%s is for %s and needs %v: %v", path, program.Machine, libraries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("%s cannot be run: %v", path, err)
	}
}

func checkContent(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || string(content) != want {
		t.Errorf("%s is %q: %v", path, content, err)
	}
}

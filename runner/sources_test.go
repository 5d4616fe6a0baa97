package runner_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// kitchen makes the folder of an extra image, somewhere else each time.
func kitchen(t *testing.T) runner.Folder {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"Dockerfile": "ARG RUNNER_BASE\nFROM ${RUNNER_BASE}\n", "files/tool": "#!/bin/sh\n", "files/empty": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("files/tool", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return runner.Folder{Dir: dir, Dockerfile: "Dockerfile"}
}

func inputs(t *testing.T) runner.Inputs {
	return runner.Inputs{
		BaseImage: "debian:12", Sudo: true, Archs: []fleet.Arch{fleet.X64, fleet.ARM64},
		Entrypoint: map[fleet.Arch]string{fleet.X64: "1", fleet.ARM64: "2"},
		Extra:      map[string]runner.Folder{"android": kitchen(t), "team/web": kitchen(t)},
	}
}

func sources(t *testing.T, in runner.Inputs) map[string]string {
	t.Helper()
	got, err := runner.Sources(in)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Nothing has changed: two folders with the same content, of another age.
func TestSourcesAreTheSameEverywhere(t *testing.T) {
	one, other := inputs(t), inputs(t)
	if err := os.Chtimes(filepath.Join(other.Extra["android"].Dir, "Dockerfile"), noon, noon); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(other.Extra["android"].Dir, "Dockerfile"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(sources(t, one), sources(t, other)) {
		t.Error("the same inputs have other sources elsewhere")
	}
	if seen := slices.Compact(slices.Sorted(maps.Values(sources(t, one)))); len(seen) != 6 { // two extra images are alike
		t.Errorf("sources %v", sources(t, one))
	}
}

func TestWhatChangesASource(t *testing.T) {
	const all = "base:arm64 base:x64 extra:android:arm64 extra:android:x64 extra:team/web:arm64 extra:team/web:x64 on_demand:arm64 on_demand:x64"
	const based = "base:arm64 base:x64 extra:android:arm64 extra:android:x64 extra:team/web:arm64 extra:team/web:x64"
	const arm = "base:arm64 extra:android:arm64 extra:team/web:arm64 on_demand:arm64"
	const android = "extra:android:arm64 extra:android:x64"
	in := func(in *runner.Inputs, name string) string { return filepath.Join(in.Extra["android"].Dir, name) }
	for name, c := range map[string]struct {
		change func(*runner.Inputs) error
		want   string
	}{
		"sudo":                    {func(i *runner.Inputs) error { i.Sudo = false; return nil }, all},
		"the base image":          {func(i *runner.Inputs) error { i.BaseImage = "debian:13"; return nil }, based},
		"the entrypoint of arm64": {func(i *runner.Inputs) error { i.Entrypoint[fleet.ARM64] = "3"; return nil }, arm},
		"a Dockerfile":            {func(i *runner.Inputs) error { return os.WriteFile(in(i, "Dockerfile"), []byte("FROM x\n"), 0o644) }, android},
		"the name of its Dockerfile": {func(i *runner.Inputs) error {
			f := i.Extra["android"]
			f.Dockerfile = "files/tool"
			i.Extra["android"] = f
			return nil
		}, android},
		"a file beside it":            {func(i *runner.Inputs) error { return os.WriteFile(in(i, "files/empty"), []byte("x"), 0o644) }, android},
		"a file that is new":          {func(i *runner.Inputs) error { return os.WriteFile(in(i, "files/new"), nil, 0o644) }, android},
		"a file that is gone":         {func(i *runner.Inputs) error { return os.Remove(in(i, "files/empty")) }, android},
		"another name":                {func(i *runner.Inputs) error { return os.Rename(in(i, "files/empty"), in(i, "files/void")) }, android},
		"a file that can be executed": {func(i *runner.Inputs) error { return os.Chmod(in(i, "files/tool"), 0o755) }, android},
		"a link that leads elsewhere": {func(i *runner.Inputs) error {
			_ = os.Remove(in(i, "link"))
			return os.Symlink("files/empty", in(i, "link"))
		}, android},
		"a file in a link's place": {func(i *runner.Inputs) error {
			_ = os.Remove(in(i, "link"))
			return os.WriteFile(in(i, "link"), []byte("files/tool"), 0o644)
		}, android},
	} {
		t.Run(name, func(t *testing.T) {
			i := inputs(t)
			before := sources(t, i)
			if err := c.change(&i); err != nil {
				t.Fatal(err)
			}
			var changed []string
			for key, source := range sources(t, i) {
				if before[key] != source {
					changed = append(changed, key)
				}
			}
			slices.Sort(changed)
			if got := strings.Join(changed, " "); got != c.want {
				t.Errorf("changed %s\nwant    %s", got, c.want)
			}
		})
	}
}

func TestAFolderWithoutItsDockerfile(t *testing.T) {
	i := inputs(t)
	i.Extra["android"] = runner.Folder{Dir: i.Extra["android"].Dir, Dockerfile: "Dockerfile.gone"}
	if _, err := runner.Sources(i); err == nil || !strings.Contains(err.Error(), "extra_runner_images.android: there is no Dockerfile ") {
		t.Errorf("got %v", err)
	}
}

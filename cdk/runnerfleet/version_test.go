package runnerfleet

import (
	"runtime/debug"
	"testing"
)

func TestVersionOfTheDeployedCode(t *testing.T) {
	app := func(dependency debug.Module) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: "example.com/app", Version: "v9.0.0"}, Deps: []*debug.Module{{Path: "example.com/other", Version: "v8.0.0"}, &dependency}}
	}
	for name, c := range map[string]struct {
		release string
		info    *debug.BuildInfo
		want    string
	}{
		"a release":                {"v1.2.3", &debug.BuildInfo{Main: debug.Module{Path: module, Version: "(devel)"}}, "v1.2.3"},
		"a tag of the repository":  {"", &debug.BuildInfo{Main: debug.Module{Path: module, Version: "v1.2.3"}}, "v1.2.3"},
		"a working tree":           {"", &debug.BuildInfo{Main: debug.Module{Path: module, Version: "(devel)"}}, ""},
		"one with changes":         {"", &debug.BuildInfo{Main: debug.Module{Path: module, Version: "v1.2.4-0.20260101000000-abcdef+dirty"}}, ""},
		"an app that uses it":      {"", app(debug.Module{Path: module, Version: "v1.2.3"}), "v1.2.3"},
		"an app with a copy of it": {"", app(debug.Module{Path: module, Version: "v1.2.3", Replace: &debug.Module{Path: "../copy"}}), ""},
		"nothing that Go recorded": {"", nil, ""},
		"an app that has it not":   {"", app(debug.Module{Path: "example.com/third", Version: "v7.0.0"}), ""},
	} {
		if got := versionOf(c.release, c.info); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

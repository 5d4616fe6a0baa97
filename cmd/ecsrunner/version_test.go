package main

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	stamped := []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.time", Value: "2026-11-29T05:00:00Z"}}
	on := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for want, c := range map[string]struct {
		release, commit string
		info            debug.BuildInfo
	}{
		"ecsrunner (devel)":                                                {"", "", debug.BuildInfo{}},
		"ecsrunner v0.2.0":                                                 {"", "", debug.BuildInfo{Main: debug.Module{Version: "v0.2.0"}}},
		"ecsrunner v1.0.0 (fedcba987654)":                                  {"v1.0.0", "fedcba9876543210", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}},
		"ecsrunner v0.2.0 (0123456789ab, 2026-11-29T05:00:00Z)":            {"v0.2.0", "", debug.BuildInfo{Settings: stamped}},
		"ecsrunner (devel) (0123456789ab, 2026-11-29T05:00:00Z, modified)": {"", "", debug.BuildInfo{Settings: append(stamped, debug.BuildSetting{Key: "vcs.modified", Value: "true"})}},
	} {
		var out bytes.Buffer
		if err := versionOf(c.release, c.commit, c.info).write(&out); err != nil || out.String() != want+on {
			t.Errorf("got %q, want %q, %v", out.String(), want+on, err)
		}
	}
}

package runnerfleet

import (
	"runtime/debug"
	"strings"
)

// release is the version that `make release` deploys, written in by the linker. Every other
// build knows its own by what Go recorded.
var release string

func buildInfo() *debug.BuildInfo {
	info, _ := debug.ReadBuildInfo()
	return info
}

// versionOf is the version of this module in a build, "" if that is a working tree, whose
// code may be any.
func versionOf(release string, info *debug.BuildInfo) string {
	if release != "" || info == nil {
		return release
	}
	built := &info.Main
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			built = dependency
		}
	}
	if built.Path != module || built.Replace != nil || built.Version == "(devel)" || strings.Contains(built.Version, "+dirty") {
		return ""
	}
	return built.Version
}

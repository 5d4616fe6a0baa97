package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release and releaseCommit are the version that `make release` builds and its commit,
// written in by the linker. Every other build has both from what Go recorded.
var release, releaseCommit string

// version is what a program says about itself.
type version struct {
	Version  string `json:"version"`            // as in v1.2.3; (devel) for a build of a working tree
	Commit   string `json:"commit,omitempty"`   // of the source, if Go recorded it
	Time     string `json:"time,omitempty"`     // of that commit, RFC 3339
	Modified bool   `json:"modified,omitempty"` // the working tree had other changes
	Go       string `json:"go"`
	Platform string `json:"platform"` // as in linux/arm64
}

// versionOf reads a version from what Go recorded of a build, unless it is a release.
func versionOf(release, commit string, info debug.BuildInfo) version {
	v := version{Version: cmp.Or(release, info.Main.Version, "(devel)"), Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v version) write(w io.Writer) error {
	text := "ecsrunner " + v.Version
	if v.Commit != "" {
		text += fmt.Sprintf(" (%.12s", v.Commit)
		if v.Time != "" {
			text += ", " + v.Time
		}
		if v.Modified {
			text += ", modified"
		}
		text += ")"
	}
	_, err := fmt.Fprintf(w, "%s %s %s\n", text, v.Go, v.Platform)
	return err
}

// thisVersion is that of this program.
func thisVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versionOf(release, releaseCommit, debug.BuildInfo{})
	}
	return versionOf(release, releaseCommit, *info)
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Print the version of this program, the commit it was built from if Go recorded that,\nthe version of Go and the platform. Reports of problems should have this line.",
		Example: "  ecsrunner version\n  ecsrunner version --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return printJSON(cmd.OutOrStdout(), thisVersion())
			}
			return thisVersion().write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with stable field names")
	return cmd
}

package fleet

import (
	"regexp"
	"time"
)

// RunnerRelease is a release of GitHub's runner.
type RunnerRelease struct {
	Version string `json:"version"`
	// SHA256 are the checksums of its archives, in hexadecimal digits.
	SHA256 map[Arch]string `json:"sha256,omitempty"`
	// Source is the address below which the archives are, in a folder for each version;
	// "" means GitHub's own.
	Source string `json:"source,omitempty"`
	// AskedAt is when GitHub reported this as the latest release.
	AskedAt time.Time `json:"asked_at,omitzero"`
}

// LatestRunner in place of a version means that images follow GitHub's releases.
const LatestRunner = "latest"

var runnerVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// IsRunnerVersion reports whether a text is the version of a release.
func IsRunnerVersion(text string) bool { return runnerVersion.MatchString(text) }

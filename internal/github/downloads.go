package github

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// RunnerDownload is the newest runner for one platform.
type RunnerDownload struct {
	OS             string `json:"os"`           // "linux", "osx" or "win"
	Architecture   string `json:"architecture"` // "x64", "arm64" or "arm"
	DownloadURL    string `json:"download_url"`
	Filename       string `json:"filename"`
	SHA256Checksum string `json:"sha256_checksum"` // "" if GitHub gives none
}

var versionInName = regexp.MustCompile(`-([0-9]+\.[0-9]+\.[0-9]+)\.(?:tar\.gz|zip)$`)

// Version returns the runner's version, like "2.336.0", or "" if the file name
// does not hold one. GitHub gives it nowhere else.
func (d RunnerDownload) Version() string {
	if match := versionInName.FindStringSubmatch(d.Filename); match != nil {
		return match[1]
	}
	return ""
}

// RunnerDownloads returns the newest runner for every platform.
func (c *Client) RunnerDownloads(ctx context.Context, at Place) ([]RunnerDownload, error) {
	var all []RunnerDownload
	_, err := c.do(ctx, http.MethodGet, at.resource("/actions/runners/downloads"), nil, &all)
	return all, err
}

// LatestRunner is GitHub's latest release of the runner for Linux. It fails with
// GitHub.Unavailable if GitHub lists none that it understands.
func (f ForFleet) LatestRunner(ctx context.Context, place string) (fleet.RunnerRelease, error) {
	downloads, err := f.Client.RunnerDownloads(ctx, at(place))
	if err != nil {
		return fleet.RunnerRelease{}, err
	}
	release := fleet.RunnerRelease{SHA256: map[fleet.Arch]string{}}
	for _, d := range downloads {
		arch := fleet.Arch(d.Architecture)
		if d.OS != "linux" || arch != fleet.X64 && arch != fleet.ARM64 || d.Version() == "" || !sha256Hex.MatchString(d.SHA256Checksum) {
			continue
		}
		source, ok := strings.CutSuffix(d.DownloadURL, "/v"+d.Version()+"/"+d.Filename)
		if !ok || release.Version != "" && (release.Version != d.Version() || release.Source != source) {
			continue // not where or not what the others are
		}
		release.Version, release.Source = d.Version(), source
		release.SHA256[arch] = d.SHA256Checksum
	}
	if release.Version == "" {
		return fleet.RunnerRelease{}, fleet.Errorf(fleet.GitHubUnavailable, "GitHub lists no download of the runner for Linux with a checksum for %s", place)
	}
	return release, nil
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

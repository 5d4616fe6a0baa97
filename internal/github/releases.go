package github

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ReleasesURL is where GitHub describes the releases of its runner program, whichever
// GitHub the fleet serves.
const ReleasesURL = "https://api.github.com/repos/actions/runner/releases"

// maxRelease is more than the description of a release has.
const maxRelease = 4 << 20

// PinnedRunner is one version of GitHub's runner program, as releases (ReleasesURL)
// describe it. It needs no credential. It fails with GitHub.NotFound if there is no
// such version, or none with checksums, and with GitHub.Unavailable without an answer.
func PinnedRunner(ctx context.Context, client *http.Client, releases, version string) (fleet.RunnerRelease, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, releases+"/tags/v"+version, nil)
	if err != nil {
		return fleet.RunnerRelease{}, fmt.Errorf("ask for runner %s: %w", version, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fleet.RunnerRelease{}, fleet.Errorf(fleet.GitHubUnavailable, "ask for runner %s: %w", version, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fleet.RunnerRelease{}, fleet.Errorf(fleet.GitHubNotFound, "GitHub has no runner %s: set runner_version to one of github.com/actions/runner/releases", version)
	case resp.StatusCode != http.StatusOK:
		return fleet.RunnerRelease{}, fleet.Errorf(fleet.GitHubUnavailable, "ask for runner %s: GitHub answers %s", version, resp.Status)
	}
	var described struct {
		Assets []struct {
			Name   string `json:"name"`
			Digest string `json:"digest"`
		} `json:"assets"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRelease)).Decode(&described); err != nil {
		return fleet.RunnerRelease{}, fleet.Errorf(fleet.GitHubUnavailable, "read the description of runner %s: %w", version, err)
	}
	release := fleet.RunnerRelease{Version: version, SHA256: map[fleet.Arch]string{}}
	for _, asset := range described.Assets {
		for _, arch := range []fleet.Arch{fleet.X64, fleet.ARM64} {
			sum, ok := strings.CutPrefix(asset.Digest, "sha256:")
			if ok && sha256Hex.MatchString(sum) && asset.Name == fmt.Sprintf("actions-runner-linux-%s-%s.tar.gz", arch, version) {
				release.SHA256[arch] = sum
			}
		}
	}
	if len(release.SHA256) == 0 {
		return fleet.RunnerRelease{}, fleet.Errorf(fleet.GitHubNotFound, "GitHub gives no checksum of runner %s for Linux: set runner_version to a newer one, or to latest", version)
	}
	return release, nil
}

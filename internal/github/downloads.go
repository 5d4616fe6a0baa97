package github

import (
	"context"
	"net/http"
	"regexp"
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
func (c *Client) RunnerDownloads(ctx context.Context, repo Repository) ([]RunnerDownload, error) {
	var all []RunnerDownload
	_, err := c.do(ctx, http.MethodGet, repoPath(repo, "/actions/runners/downloads"), nil, &all)
	return all, err
}

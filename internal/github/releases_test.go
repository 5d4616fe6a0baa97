package github_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

var sum = strings.Repeat("0a", 32)

func TestPinnedRunner(t *testing.T) {
	asset := func(name, digest string) string { return `{"name":"` + name + `","digest":"` + digest + `"}` }
	x64 := asset("actions-runner-linux-x64-2.335.0.tar.gz", "sha256:"+sum)
	for name, c := range map[string]struct {
		status  int
		body    string
		x64     string
		failure string
	}{
		"both architectures":  {200, `{"assets":[` + x64 + `,` + asset("actions-runner-linux-arm64-2.335.0.tar.gz", "sha256:"+sum) + `]}`, sum, ""},
		"among other files":   {200, `{"assets":[` + asset("actions-runner-osx-x64-2.335.0.tar.gz", "sha256:"+strings.Repeat("1", 64)) + `,` + x64 + `]}`, sum, ""},
		"of another version":  {200, `{"assets":[` + asset("actions-runner-linux-x64-2.334.0.tar.gz", "sha256:"+sum) + `]}`, "", fleet.GitHubNotFound},
		"without checksums":   {200, `{"assets":[` + asset("actions-runner-linux-x64-2.335.0.tar.gz", "") + `]}`, "", fleet.GitHubNotFound},
		"with a cut checksum": {200, `{"assets":[` + asset("actions-runner-linux-x64-2.335.0.tar.gz", "sha256:0a") + `]}`, "", fleet.GitHubNotFound},
		"no such version":     {404, `{"message":"Not Found"}`, "", fleet.GitHubNotFound},
		"GitHub limits us":    {403, `{}`, "", fleet.GitHubUnavailable},
		"GitHub is down":      {502, ``, "", fleet.GitHubUnavailable},
		"what is no answer":   {200, `<html>`, "", fleet.GitHubUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/tags/v2.335.0" || r.Header.Get("Authorization") != "" {
					t.Errorf("asked for %s with %v", r.URL, r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			got, err := github.PinnedRunner(t.Context(), server.Client(), server.URL, "2.335.0")
			if fleet.ErrorName(err) != c.failure || got.SHA256[fleet.X64] != c.x64 || (err == nil) != (got.Version == "2.335.0") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestLatestRunner(t *testing.T) {
	download := func(os, arch, url, checksum string) string {
		return `{"os":"` + os + `","architecture":"` + arch + `","download_url":"` + url + `/v2.336.0/r-` + arch + `-2.336.0.tar.gz","filename":"r-` + arch + `-2.336.0.tar.gz","sha256_checksum":"` + checksum + `"}`
	}
	const source = "https://github.com/actions/runner/releases/download"
	for name, c := range map[string]struct {
		body string
		want fleet.RunnerRelease
	}{
		"for Linux": {
			download("osx", "x64", source, sum) + "," + download("linux", "x64", source, sum) + "," + download("linux", "arm64", source, sum) + "," + download("linux", "arm", source, sum),
			fleet.RunnerRelease{Version: "2.336.0", Source: source, SHA256: map[fleet.Arch]string{fleet.X64: sum, fleet.ARM64: sum}},
		},
		"one without a checksum is left out": {
			download("linux", "x64", source, "") + "," + download("linux", "arm64", source, sum),
			fleet.RunnerRelease{Version: "2.336.0", Source: source, SHA256: map[fleet.Arch]string{fleet.ARM64: sum}},
		},
		"one from elsewhere is left out": {
			download("linux", "x64", source, sum) + "," + download("linux", "arm64", "https://elsewhere.example", sum),
			fleet.RunnerRelease{Version: "2.336.0", Source: source, SHA256: map[fleet.Arch]string{fleet.X64: sum}},
		},
		"none": {download("win", "x64", source, sum), fleet.RunnerRelease{}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte("[" + c.body + "]"))
			}))
			defer server.Close()
			hub := github.NewForFleet(server.URL, token, server.Client())
			got, err := hub.LatestRunner(t.Context(), "o/r")
			if fleet.IsNamed(err, fleet.GitHubUnavailable) != (c.want.Version == "") {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

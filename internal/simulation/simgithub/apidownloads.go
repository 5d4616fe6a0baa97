package simgithub

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const downloads = "https://github.com/actions/runner/releases/download"

func archive(arch, version string) string {
	return "actions-runner-linux-" + arch + "-" + version + ".tar.gz"
}

func checksum(file string) string {
	sum := sha256.Sum256([]byte("simulated " + file))
	return hex.EncodeToString(sum[:])
}

// listDownloads shows the newest runner. Its version is in the names only.
func (g *GitHub) listDownloads(*request) answer {
	w := &writer{}
	w.open('[')
	version := g.cfg.RunnerVersion
	for _, arch := range []string{"x64", "arm64"} {
		file := archive(arch, version)
		w.open('{').text("os", "linux").text("architecture", arch).text("filename", file).
			text("download_url", downloads+"/v"+version+"/"+file).text("sha256_checksum", checksum(file)).close('}')
	}
	w.close(']')
	return ok(w)
}

// getRelease shows a release of the runner, for which no credential is needed.
func (g *GitHub) getRelease(q *request) answer {
	version, _ := strings.CutPrefix(q.rest[strings.LastIndexByte(q.rest, '/')+1:], "v")
	if q.owner+"/"+q.name != "actions/runner" || !g.releases[version] {
		return notFound()
	}
	w := &writer{}
	w.open('{').text("tag_name", "v"+version).key("assets").open('[')
	for _, arch := range []string{"x64", "arm64"} {
		file := archive(arch, version)
		w.open('{').text("name", file).text("digest", "sha256:"+checksum(file)).close('}')
	}
	w.close(']').close('}')
	return ok(w)
}

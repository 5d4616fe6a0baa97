package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// downloadsPath is below the server's address, as GitHub's own releases are below
// theirs.
const downloadsPath = "/actions/runner/releases/download"

func (s *Server) listDownloads(http.ResponseWriter, *http.Request) (int, any) {
	var all []map[string]string
	for _, arch := range []string{"x64", "arm64"} {
		file := runnerArchive(arch, s.cfg.RunnerVersion)
		content := s.cfg.RunnerArchives[arch]
		if content == nil {
			content = []byte("simulated " + file)
		}
		sum := sha256.Sum256(content)
		all = append(all, map[string]string{
			"os": "linux", "architecture": arch, "filename": file, "sha256_checksum": hex.EncodeToString(sum[:]),
			"download_url": s.cfg.URL + downloadsPath + "/v" + s.cfg.RunnerVersion + "/" + file,
		})
	}
	return http.StatusOK, all
}

func runnerArchive(arch, version string) string {
	return "actions-runner-linux-" + arch + "-" + version + ".tar.gz"
}

// downloadRoutes serves the archives to every client, as GitHub does, whatever its
// version.
func (s *Server) downloadRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+downloadsPath+"/{version}/{file}", func(w http.ResponseWriter, r *http.Request) {
		for arch, content := range s.cfg.RunnerArchives {
			if version := versionOf(arch, r.PathValue("file")); version != "" && r.PathValue("version") == "v"+version {
				w.Header().Set("Content-Type", "application/gzip")
				_, _ = w.Write(content) // the client may be gone
				return
			}
		}
		http.NotFound(w, r)
	})
}

// versionOf is the version in the name of an archive for an architecture, "" if the
// name is not an archive's.
func versionOf(arch, file string) string {
	version, isOurs := strings.CutPrefix(file, "actions-runner-linux-"+arch+"-")
	version, isArchive := strings.CutSuffix(version, ".tar.gz")
	if !isOurs || !isArchive {
		return ""
	}
	return version
}

// Release makes a version of the runner the newest one.
func (s *Server) Release(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.RunnerVersion = version
}

package entrypoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const authority = "-----BEGIN CERTIFICATE-----\nY29ycA==\n-----END CERTIFICATE-----\n"

// ofAServer is a claim's answer of a fleet of a GitHub Enterprise Server.
func ofAServer() answer {
	a := claimed
	a.body.GitHubCA = authority
	return a
}

// childEnvironment is what the runner has in its environment.
func childEnvironment(output string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(output) {
		if entry, ok := strings.CutPrefix(line, "| child has "); ok {
			name, value, _ := strings.Cut(strings.TrimSuffix(entry, "\n"), "=")
			env[name] = value
		}
	}
	return env
}

func written(t *testing.T, dir, name, content string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheRunnerTrustsTheServersAuthority(t *testing.T) {
	dir := t.TempDir()
	system := written(t, dir, "system.pem", "the system's")
	images, git := written(t, dir, "image.pem", "the image's\n"), written(t, dir, "git.pem", "git's\n")
	for name, tc := range map[string]struct {
		environ []string
		want    map[string]string // content, by variable
	}{
		"nothing is set": {nil, map[string]string{
			"SSL_CERT_FILE": "the system's\n" + authority, "GIT_SSL_CAINFO": "the system's\n" + authority, "REQUESTS_CA_BUNDLE": "the system's\n" + authority,
			"NODE_EXTRA_CA_CERTS": authority,
		}},
		"the image has set some": {[]string{"SSL_CERT_FILE=" + images, "NODE_EXTRA_CA_CERTS=" + images, "GIT_SSL_CAINFO=" + git, "CURL_CA_BUNDLE=" + git}, map[string]string{
			"SSL_CERT_FILE": "the image's\n\n" + authority, "GIT_SSL_CAINFO": "git's\n\n" + authority, "REQUESTS_CA_BUNDLE": "the system's\n" + authority,
			"NODE_EXTRA_CA_CERTS": "the image's\n\n" + authority, "CURL_CA_BUNDLE": "git's\n\n" + authority,
		}},
		"what the image names is not there": {[]string{"SSL_CERT_FILE=/no/such", "NODE_EXTRA_CA_CERTS=/no/such"}, map[string]string{
			"SSL_CERT_FILE": "the system's\n" + authority, "GIT_SSL_CAINFO": "the system's\n" + authority, "REQUESTS_CA_BUNDLE": "the system's\n" + authority,
			"NODE_EXTRA_CA_CERTS": authority,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			w := newWorld(serve(t, ofAServer()).URL, "print-environment")
			w.Environ = append(append(w.Environ, "HOME="+home), tc.environ...)
			w.Bundles = []string{"/no/such", system}
			code, output := w.run(t)
			env := childEnvironment(output)
			for variable, want := range tc.want {
				if filepath.Dir(env[variable]) != filepath.Join(home, ".ecsrunner") {
					t.Errorf("%s=%s, outside of the home", variable, env[variable])
				}
				if got, err := os.ReadFile(env[variable]); err != nil || string(got) != want {
					t.Errorf("%s names %q, want %q: %v", variable, got, want, err)
				}
				if n := strings.Count(output, "| child has "+variable+"="); n != 1 {
					t.Errorf("%s is set %d times", variable, n)
				}
			}
			if _, set := env["CURL_CA_BUNDLE"]; code != 0 || set != (tc.want["CURL_CA_BUNDLE"] != "") {
				t.Errorf("exit code %d, CURL_CA_BUNDLE is set: %t", code, set)
			}
			for _, file := range []string{system, images, git} {
				if content, _ := os.ReadFile(file); strings.Contains(string(content), "BEGIN") {
					t.Errorf("%s was changed", file)
				}
			}
		})
	}
}

func TestWithoutAnAuthorityTheEnvironmentStays(t *testing.T) {
	home := t.TempDir()
	w := newWorld(serve(t, claimed).URL, "print-environment")
	w.Environ = append(w.Environ, "HOME="+home, "SSL_CERT_FILE=/etc/own.pem")
	_, output := w.run(t)
	env := childEnvironment(output)
	if _, node := env["NODE_EXTRA_CA_CERTS"]; node || env["SSL_CERT_FILE"] != "/etc/own.pem" {
		t.Errorf("the runner's environment: %v", env)
	}
	if made, _ := os.ReadDir(home); len(made) != 0 {
		t.Errorf("files were made: %v", made)
	}
}

// A runner that cannot trust the server gets no job and says nothing, so it is not started.
func TestNoRunnerWithoutItsCertificates(t *testing.T) {
	home := written(t, t.TempDir(), "home", "a file")
	w := newWorld(serve(t, ofAServer()).URL, "exit 0")
	w.Environ = append(w.Environ, "HOME="+home)
	code, output := w.run(t)
	if code != fleet.ExitUsage || strings.Contains(output, "starting") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	wantOutput(t, output, "ecsrunner: make a directory for the certificates of the GitHub server: ")
}

package entrypoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// trustedBy are the variables by which programs learn whom to trust beside the public
// authorities. GitHub's runner is of .NET, which takes OpenSSL's; so do curl and programs
// in Go. git may be linked with GnuTLS, and Node.js and Python look at neither
// (actions/runner docs/checks/sslcert.md).
var trustedBy = [...]struct {
	name string
	// adds says that what it names is trusted beside the program's own authorities, and not
	// in place of the system's.
	adds bool
	// ifSet says that programs do without, unless the image has set it.
	ifSet bool
}{
	{name: "SSL_CERT_FILE"},
	{name: "GIT_SSL_CAINFO"},
	{name: "REQUESTS_CA_BUNDLE"},
	{name: "NODE_EXTRA_CA_CERTS", adds: true},
	{name: "CURL_CA_BUNDLE", ifSet: true},
}

// systemBundles are where the distributions keep what they trust, as crypto/x509 has them.
func systemBundles() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, Amazon Linux
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL
		"/etc/ssl/cert.pem",
	}
}

// trust has the runner and what it starts trust authorities, certificates in PEM, beside
// what they trust already. It writes a file for each variable of trustedBy, of what the
// variable named before, or the first of the bundles that is there, and the authorities. It
// returns the environment that names the files.
//
// They are in the home of the user, outside of what jobs clean up.
func trust(environ []string, authorities string, bundles []string) ([]string, error) {
	env := variables(environ)
	home := env["HOME"]
	if home == "" {
		home = os.TempDir()
	}
	dir := filepath.Join(home, ".ecsrunner")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a directory for the certificates of the GitHub server: %w", err)
	}
	set := map[string]string{}
	for _, v := range trustedBy {
		before := env[v.name]
		if v.ifSet && before == "" {
			continue
		}
		candidates := []string{before}
		if !v.adds {
			candidates = append(candidates, bundles...)
		}
		file := filepath.Join(dir, strings.ToLower(v.name)+".pem")
		if err := os.WriteFile(file, append(firstOf(candidates), authorities...), 0o644); err != nil {
			return nil, fmt.Errorf("write the certificates of the GitHub server: %w", err)
		}
		set[v.name] = file
	}
	return with(environ, set), nil
}

// firstOf is the content of the first file that can be read, with the end of its last line.
func firstOf(files []string) []byte {
	for _, file := range files {
		if file == "" {
			continue
		}
		if content, err := os.ReadFile(file); err == nil {
			return append(content, '\n')
		}
	}
	return nil
}

// with is an environment in which the variables are set.
func with(environ []string, set map[string]string) []string {
	var out []string
	for _, entry := range environ {
		if name, _, _ := strings.Cut(entry, "="); set[name] == "" {
			out = append(out, entry)
		}
	}
	for name, value := range set {
		out = append(out, name+"="+value)
	}
	return out
}

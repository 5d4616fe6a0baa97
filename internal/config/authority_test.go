package config

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/authoritytest"
)

var today = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// certificate is one of an authority that is valid today, unless change says otherwise.
func certificate(t *testing.T, name string, change func(*x509.Certificate)) (certificate, key string) {
	t.Helper()
	made := authoritytest.New(t, name, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = today.AddDate(-1, 0, 0), today.AddDate(1, 0, 0)
		change(c)
	})
	return made.Certificate, made.Key
}

func as(*x509.Certificate) {}

func TestAuthorities(t *testing.T) {
	root, key := certificate(t, "Corp Root", as)
	next, _ := certificate(t, "Corp Root 2", as)
	leaf, _ := certificate(t, "git.corp.example", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
	ended, _ := certificate(t, "Old Root", func(c *x509.Certificate) { c.NotAfter = today.AddDate(0, 0, -1) })
	early, _ := certificate(t, "New Root", func(c *x509.Certificate) { c.NotBefore = today.AddDate(0, 0, 1) })
	damaged := strings.Replace(root, "\nMII", "\n!!!", 1)
	body := strings.TrimSpace(strings.Split(key, "\n")[1])

	for name, tc := range map[string]struct{ content, want, refused string }{
		"one":                          {content: root, want: root},
		"two":                          {content: root + next, want: root + next},
		"comments and Windows' lines":  {content: "# Corp Root\r\nsubject=CN\r\n" + strings.ReplaceAll(root, "\n", "\r\n") + "\n\n", want: root},
		"a server's":                   {content: leaf, refused: `"CN=git.corp.example"`},
		"one that has ended":           {content: root + ended, refused: "its number 2, that ended on 2026-11-30"},
		"one that has not begun":       {content: early, refused: "begins on 2026-12-02"},
		"a key behind it":              {content: root + key, refused: "has a private key in it"},
		"a key that is cut off":        {content: root + key[:len(key)-20] + "\n-----BEGIN EC PRIVATE KEY-----", refused: "has a private key in it"},
		"a request":                    {content: strings.ReplaceAll(root, "CERTIFICATE", "CERTIFICATE REQUEST"), refused: `a block "CERTIFICATE REQUEST"`},
		"one that is damaged":          {content: damaged, refused: "has 1 blocks in PEM, of which 0 are whole"},
		"a damaged one before another": {content: damaged + next, refused: "has 2 blocks in PEM, of which 1 are whole"},
		"one that is cut off":          {content: root + next[:len(next)/2], refused: "has 2 blocks in PEM, of which 1 are whole"},
		"something else in a block":    {content: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("hello")})), refused: "cannot be read"},
		"DER":                          {content: "\x30\x82\x01", refused: "is not PEM"},
		"nothing":                      {content: "", refused: "is not PEM"},
		"too much":                     {content: strings.Repeat("#\n", mostAuthorities/2) + root, refused: "has more than 16 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Config{GitHubCA: "ca.pem"}.Authorities(dir, today)
			if got != tc.want || (err != nil) != (tc.refused != "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err == nil {
				return
			}
			if text := err.Error(); !strings.HasPrefix(text, "github_ca: "+dir) || !strings.Contains(text, tc.refused) || strings.Contains(text, body) {
				t.Errorf("the error is %s, want %s", text, tc.refused)
			}
		})
	}
}

func TestTheFileOfAuthorities(t *testing.T) {
	dir := t.TempDir()
	for path, says := range map[string]string{
		"none.pem": "is not there; paths begin from the folder of fleet.yaml",
		".":        "is no file",
		dir:        "is no file",
	} {
		if _, err := (Config{GitHubCA: path}).Authorities(dir, today); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", path, err, says)
		}
	}
	root, _ := certificate(t, "Corp Root", as)
	absolute := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(absolute, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (Config{GitHubCA: absolute}).Authorities("/elsewhere", today); err != nil || got != root {
		t.Errorf("an absolute path gives %q, %v", got, err)
	}
	if got, err := (Config{}).Authorities(dir, today); err != nil || got != "" {
		t.Errorf("without github_ca: %q, %v", got, err)
	}
}

// What people have in such files must neither end the program nor come out as anything but
// certificates.
func FuzzAuthorities(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := authorities(data, today)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM([]byte(out)) {
			t.Errorf("%q is taken, and has no certificate", data)
		}
		if bytes.Contains(data, []byte("PRIVATE KEY-----")) && err == nil {
			t.Error("a key is taken")
		}
	})
}

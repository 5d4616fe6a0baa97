package config

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostAuthorities is how many bytes the file of github_ca may have: eight certificates or
// so. Every claim's answer carries it, and so does the record of the fleet's settings.
const mostAuthorities = 16 << 10

// checkAuthority checks github_ca as far as that needs no file.
func (c *Config) checkAuthority(r *review) {
	if !r.given("github_ca") {
		return
	}
	if !plainPath(c.GitHubCA) {
		r.add("github_ca", "must be the path of a file with certificates in PEM, from the folder of fleet.yaml, as in github-ca.pem")
	}
	if fleet.OnGitHub(c.GitHubURL) {
		r.add("github_ca", "is for a GitHub Enterprise Server, and github_url is %s, whose certificates are of public authorities; delete github_ca, or name the server as github_url", quote(c.GitHubURL))
	}
}

// plainPath reports whether a text can be the path of a file. People paste the file instead.
func plainPath(text string) bool {
	return strings.TrimSpace(text) != "" && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' }) && !strings.Contains(text, "-----BEGIN")
}

// Authorities reads the certificates of github_ca: the authorities that GitHub's
// certificate may be of, beside the public ones. dir is the folder of fleet.yaml. They
// come back in PEM without the file's comments, and "" is none.
//
// It fails, naming the key, unless the file is one with certificates of authorities that
// are all valid at the time. Neither a key that is in the file nor anything else of it is
// repeated.
func (c Config) Authorities(dir string, now time.Time) (string, error) {
	if c.GitHubCA == "" {
		return "", nil
	}
	file := c.GitHubCA
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	data, err := readSmall(file)
	if err == nil {
		var certificates string
		if certificates, err = authorities(data, now); err == nil {
			return certificates, nil
		}
	}
	return "", fmt.Errorf("github_ca: %s %w", file, err)
}

// readSmall reads a file that github_ca names.
func readSmall(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("is not there; paths begin from the folder of fleet.yaml")
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", withoutPath(err))
	case !info.Mode().IsRegular():
		return nil, errors.New("is no file; name the file with the certificates")
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", withoutPath(err))
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, mostAuthorities+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", withoutPath(err))
	case len(data) > mostAuthorities:
		return nil, fmt.Errorf("has more than %d KiB; leave only the authorities of the GitHub server in it", mostAuthorities>>10)
	}
	return data, nil
}

func withoutPath(err error) error {
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err
	}
	return err
}

const certificateBlock = "CERTIFICATE"

// authorities checks the content of a file and returns its certificates.
func authorities(data []byte, now time.Time) (string, error) {
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return "", errors.New("has a private key in it: that belongs to the authority alone, so take it away, and replace it if others have seen it; only the certificate is needed")
	}
	begun := bytes.Count(data, []byte("-----BEGIN "))
	if begun == 0 {
		return "", errors.New("is not PEM, which begins with -----BEGIN CERTIFICATE-----; if it is a certificate, write openssl x509 -in FILE -out github-ca.pem")
	}
	var out bytes.Buffer
	read := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		read++
		if block.Type != certificateBlock {
			return "", fmt.Errorf("has a block %s; leave only blocks CERTIFICATE in it", fleet.QuoteShort(block.Type))
		}
		if err := checkAuthorityCertificate(block.Bytes, now); err != nil {
			return "", fmt.Errorf("has a certificate, its number %d, that %w", read, err)
		}
		if err := pem.Encode(&out, &pem.Block{Type: certificateBlock, Bytes: block.Bytes}); err != nil {
			return "", err
		}
	}
	if read != begun {
		return "", fmt.Errorf("has %d blocks in PEM, of which %d are whole; copy the certificates again", begun, read)
	}
	return out.String(), nil
}

func checkAuthorityCertificate(der []byte, now time.Time) error {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("cannot be read; copy it again")
	}
	const day = time.DateOnly
	switch {
	case !certificate.BasicConstraintsValid || !certificate.IsCA:
		return fmt.Errorf("is not an authority's (%s); give the certificate of the authority that has signed the server's", fleet.QuoteShort(certificate.Subject.String()))
	case now.After(certificate.NotAfter):
		return fmt.Errorf("ended on %s (%s); take it away, or put its successor in its place", certificate.NotAfter.Format(day), fleet.QuoteShort(certificate.Subject.String()))
	case now.Before(certificate.NotBefore):
		return fmt.Errorf("begins on %s (%s); is this machine's clock right?", certificate.NotBefore.Format(day), fleet.QuoteShort(certificate.Subject.String()))
	}
	return nil
}

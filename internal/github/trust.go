package github

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// HTTPClient returns a client for New whose requests end after timeout. It trusts the
// authorities, certificates in PEM, beside those that the system trusts; "" is none.
// No other client of the program trusts them.
func HTTPClient(timeout time.Duration, authorities string) (*http.Client, error) {
	client := &http.Client{Timeout: timeout}
	if authorities == "" {
		return client, nil
	}
	trusted, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the authorities that the system trusts: %w", err)
	}
	if !trusted.AppendCertsFromPEM([]byte(authorities)) {
		return nil, errors.New("github_ca has no certificate in PEM")
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the program's HTTP transport was replaced by one that cannot trust github_ca")
	}
	transport = transport.Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	client.Transport = transport
	return client, nil
}

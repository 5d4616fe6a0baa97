// Package authoritytest makes authorities for tests, and servers' certificates that they
// have signed.
package authoritytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Authority is trusted only where a test says so.
type Authority struct {
	Certificate string // in PEM
	Key         string // in PEM, which must not go anywhere

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New makes an authority that is valid now and for an hour, unless change makes its
// certificate another one.
func New(t testing.TB, name string, change func(*x509.Certificate)) Authority {
	t.Helper()
	a := Authority{key: newKey(t), certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
	if change != nil {
		change(a.certificate)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.Certificate = encode("CERTIFICATE", a.sign(t, a.certificate, a.key))
	a.Key = encode("PRIVATE KEY", secret)
	return a
}

// Server is the certificate of a server at an address.
func (a Authority) Server(t testing.TB, address net.IP) tls.Certificate {
	t.Helper()
	key := newKey(t)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: address.String()}, IPAddresses: []net.IP{address},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
	}
	return tls.Certificate{Certificate: [][]byte{a.sign(t, leaf, key)}, PrivateKey: key}
}

func (a Authority) sign(t testing.TB, certificate *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

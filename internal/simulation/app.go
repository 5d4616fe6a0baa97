package simulation

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
)

// appKey is the private key of the simulated GitHub App.
type appKey struct{}

func (appKey) Values(context.Context) ([]string, error) { return []string{privateKey()}, nil }

func (appKey) Refresh(context.Context) (changed bool, err error) { return false, nil }

// privateKey is made once: nothing in a history depends on it.
var privateKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

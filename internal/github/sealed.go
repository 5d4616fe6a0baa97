package github

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// sealedFor keeps keys that are made here from those that are made elsewhere of the same
// private key.
const sealedFor = "ecs-runner-fleet: tokens of installations"

// seal encrypts what only those may read who have the App's private key, and so could ask
// for a token themselves. What is sealed under one name does not open under another.
func seal(key *rsa.PrivateKey, name string, plain []byte) (string, error) {
	aead, err := sealing(key)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, []byte(name))), nil
}

func unseal(key *rsa.PrivateKey, name, sealed string) ([]byte, error) {
	aead, err := sealing(key)
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, err
	}
	if len(text) < aead.NonceSize() {
		return nil, errors.New("too short to be sealed")
	}
	return aead.Open(nil, text[:aead.NonceSize()], text[aead.NonceSize():], []byte(name))
}

func sealing(key *rsa.PrivateKey) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, x509.MarshalPKCS1PrivateKey(key), nil, sealedFor, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// shared is a token that a function has shared, the zero one if there is none that can be
// read and that this App's keys open.
func (a *appTokens) shared(ctx context.Context, i int, name string) appToken {
	if a.client.Shared == nil {
		return appToken{}
	}
	text, err := a.client.Shared.Cursor(ctx, name)
	if err != nil || text == "" {
		return appToken{}
	}
	keys, err := a.keys(ctx, i)
	if err != nil {
		return appToken{} // which the request for a token reports
	}
	for _, key := range keys {
		var token appToken
		if plain, err := unseal(key, name, text); err == nil && json.Unmarshal(plain, &token) == nil {
			return token
		}
	}
	return appToken{}
}

// share lets other functions have a token. If that fails they ask for their own.
func (a *appTokens) share(ctx context.Context, i int, name string, token appToken) {
	if a.client.Shared == nil {
		return
	}
	keys, err := a.keys(ctx, i)
	if err != nil {
		return
	}
	plain, err := json.Marshal(token)
	if err != nil {
		return
	}
	if sealed, err := seal(keys[0], name, plain); err == nil {
		_ = a.client.Shared.PutCursor(ctx, name, sealed)
	}
}

package github

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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

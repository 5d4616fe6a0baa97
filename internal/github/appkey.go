package github

import (
	"context"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// GitHub's limits for what an App sends of itself.
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
const (
	backdated = time.Minute     // clocks differ
	jwtLasts  = 9 * time.Minute // at most ten
	// mostSkew is the difference between clocks that backdated does not make up for.
	mostSkew = 30 * time.Second
)

// ask sends a request as an App. If GitHub refuses the key it tries the one before, which
// GitHub may still know, and then those that are stored by now; if the clocks differ, it
// goes by GitHub's.
func (a *appTokens) ask(ctx context.Context, i int, method string, at resource, in, out any) (http.Header, error) {
	keys, err := a.keys(ctx, i)
	if err != nil {
		return nil, err
	}
	header, err := a.askWith(ctx, i, keys, method, at, in, out)
	if !refused(err) {
		return header, err
	}
	changed, fresh := a.List[i].Keys.Refresh(ctx)
	if fresh != nil || !changed {
		return nil, a.badKey(i, err)
	}
	if keys, fresh = a.keys(ctx, i); fresh != nil {
		return nil, a.badKey(i, err)
	}
	if header, err = a.askWith(ctx, i, keys, method, at, in, out); refused(err) {
		return nil, a.badKey(i, err)
	}
	return header, err
}

func refused(err error) bool {
	answer, ok := errors.AsType[*Error](err)
	return ok && answer.StatusCode == http.StatusUnauthorized
}

func (a *appTokens) badKey(i int, err error) error {
	return fleet.Errorf(fleet.GitHubUnauthorized, "GitHub refuses the key of App %s: store a private key of this App, as its settings make one, as github_app.private_key, and check github_app.id: %w", a.List[i].ID, err)
}

func (a *appTokens) askWith(ctx context.Context, i int, keys []*rsa.PrivateKey, method string, at resource, in, out any) (header http.Header, err error) {
	for _, key := range keys {
		for adjusted := false; ; adjusted = true {
			var token string
			if token, err = a.sign(i, key); err != nil {
				return nil, err
			}
			if header, err = a.client.send(ctx, method, at, Token{Value: token, Budget: "app-" + a.List[i].ID}, in, out); !refused(err) {
				return header, err
			}
			if adjusted || !a.adjust(i, err) {
				break
			}
		}
	}
	return nil, err
}

// adjust takes GitHub's clock for right if it differs from ours by more than what tokens
// are made to bear. It reports whether that is new.
func (a *appTokens) adjust(i int, err error) bool {
	answer, ok := errors.AsType[*Error](err)
	if !ok || answer.date.IsZero() {
		return false
	}
	skew := answer.date.Sub(a.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	if off := skew - a.skew[i]; off.Abs() <= mostSkew {
		return false
	}
	a.skew[i] = skew
	return true
}

// now is GitHub's time, as far as an App knows it.
func (a *appTokens) now(i int) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Now().Add(a.skew[i])
}

func (a *appTokens) sign(i int, key *rsa.PrivateKey) (string, error) {
	now := a.now(i)
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: a.List[i].ID, IssuedAt: jwt.NewNumericDate(now.Add(-backdated)), ExpiresAt: jwt.NewNumericDate(now.Add(jwtLasts)),
	}).SignedString(key)
}

// keys are an App's private keys, one at least.
func (a *appTokens) keys(ctx context.Context, i int) ([]*rsa.PrivateKey, error) {
	texts, err := a.List[i].Keys.Values(ctx)
	if err != nil {
		return nil, err
	}
	return parseKeys(a.List[i].ID, texts)
}

// CheckKeys says what is wrong with what is stored as the keys of an App: each has to be
// one, though the fleet goes on while one of them is.
func CheckKeys(id string, texts []string) error {
	for _, text := range texts {
		if _, err := parseKeys(id, []string{text}); err != nil {
			return err
		}
	}
	return nil
}

// parseKeys reads private keys, one at least. No error repeats what is stored.
func parseKeys(id string, texts []string) (keys []*rsa.PrivateKey, err error) {
	closed := false
	for _, text := range texts {
		if key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(text)); err == nil {
			keys = append(keys, key)
		}
		closed = closed || hasPassphrase(text)
	}
	if len(keys) == 0 && closed {
		return nil, fleet.Errorf(fleet.SecretMissing, "what is stored as github_app.private_key of App %s has a passphrase: take it off with `openssl pkey -in with.pem -out without.pem`, and store that", id)
	}
	if len(keys) == 0 {
		return nil, fleet.Errorf(fleet.SecretMissing, "what is stored as github_app.private_key of App %s is no private key: store the whole .pem file that GitHub made, with its first and last line, as plain text and without a passphrase", id)
	}
	return keys, nil
}

// hasPassphrase reports whether a private key is encrypted, by PKCS#8 or as OpenSSL once did
// it.
func hasPassphrase(text string) bool {
	block, _ := pem.Decode([]byte(text))
	return block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"))
}

package github

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Want is what a request needs a token for.
type Want struct {
	Owner      string // user or organization, as the fleet's configuration spells it
	Repository string // without its owner; "" for what is the owner's itself
	Write      string // the permission that a request needs to change something; "" reads
	// Repositories says that a request reads in repositories of the owner, whichever they are.
	Repositories bool
	Enterprise   string // that a request is about, and no owner in it
}

// ofOwner reports whether a request is about the owner itself.
func (w Want) ofOwner() bool { return w.Repository == "" && !w.Repositories }

// Token is a token, and whose limit its requests count for.
type Token struct {
	Value  string
	Budget string // a name for that limit, which holds no secret; "" if it is the token's own
	Name   string // of the credential, as people know it
}

// patName is a personal access token, as people know it.
const patName = "personal access token"

// budget names the limit that the token's requests count for.
func (t Token) budget() string {
	if t.Budget == "" {
		return credentialName(t.Value)
	}
	return t.Budget
}

// credentialName identifies a credential without showing the token.
func credentialName(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

// Credential gives the client its tokens: a personal access token (PAT, StoredPAT) or those
// of a GitHub App (Apps). Implementations decide how long a token is kept: the client asks
// before every request.
type Credential interface {
	// Token returns the token for a request. Its errors must not hold a secret; they
	// reach logs and records.
	Token(ctx context.Context, want Want) (Token, error)
}

// refresher is a credential that keeps its tokens for a while. After GitHub has refused
// one, Refresh reads again what it was made of, however lately that was read. It may
// limit how often it does so.
type refresher interface {
	Refresh(ctx context.Context, want Want, refused string) error
}

// connector is a credential that asks GitHub itself, through the client that it is for.
type connector interface {
	connect(*Client) Credential
}

// StoredPAT is a personal access token in a secret that is kept for a while, the same
// for every owner.
type StoredPAT struct{ Secret storedSecret }

type storedSecret interface {
	Value(ctx context.Context) (string, error)
	Refresh(ctx context.Context) (changed bool, err error)
}

// Token returns the personal access token. It fails with Secret.Missing if the secret
// holds JSON: what the deployment makes it with, or a token stored as key and value.
func (p StoredPAT) Token(ctx context.Context, _ Want) (Token, error) {
	token, err := p.Secret.Value(ctx)
	if err != nil || !isJSON(token) {
		return Token{Value: token, Name: patName}, err
	}
	if changed, err := p.Secret.Refresh(ctx); err == nil && changed {
		if token, err = p.Secret.Value(ctx); err != nil || !isJSON(token) {
			return Token{Value: token, Name: patName}, err
		}
	}
	if strings.Contains(token, fleet.NoTokenYet) {
		return Token{}, fleet.Errorf(fleet.SecretMissing, "no token is stored yet as github_pat: the output StoreGitHubPatCommand of the stack is the command that stores one")
	}
	return Token{}, fleet.Errorf(fleet.SecretMissing, "the secret of github_pat holds JSON: store the token alone, as plain text")
}

func isJSON(token string) bool { return strings.HasPrefix(strings.TrimSpace(token), "{") }

// Refresh reads the secret again.
func (p StoredPAT) Refresh(ctx context.Context, _ Want, _ string) error {
	_, err := p.Secret.Refresh(ctx)
	return err
}

// PAT is a personal access token, the same for every owner. The function is
// called for every request, so the token may be replaced while the fleet runs.
type PAT func(ctx context.Context) (string, error)

// Token returns the personal access token.
func (p PAT) Token(ctx context.Context, _ Want) (Token, error) {
	token, err := p(ctx)
	return Token{Value: token, Name: patName}, err
}

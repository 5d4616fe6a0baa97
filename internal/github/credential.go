package github

import (
	"context"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Credential gives the client its tokens. Implementations decide how long a token
// is kept: the client asks before every request.
type Credential interface {
	// Token returns the token for requests about what owner owns: the user or
	// organization in owner/name, spelled as the fleet's configuration spells it.
	// Its errors must not hold a secret; they reach logs and records.
	Token(ctx context.Context, owner string) (string, error)
}

// refresher is a credential that keeps its tokens for a while. After GitHub has refused
// one, Refresh reads again what it was made of, however lately that was read. It may
// limit how often it does so.
type refresher interface {
	Refresh(ctx context.Context) error
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
func (p StoredPAT) Token(ctx context.Context, _ string) (string, error) {
	token, err := p.Secret.Value(ctx)
	if err != nil || !isJSON(token) {
		return token, err
	}
	if changed, err := p.Secret.Refresh(ctx); err == nil && changed {
		if token, err = p.Secret.Value(ctx); err != nil || !isJSON(token) {
			return token, err
		}
	}
	if strings.Contains(token, fleet.NoTokenYet) {
		return "", fleet.Errorf(fleet.SecretMissing, "no token is stored yet as github_pat: the output StoreGitHubPatCommand of the stack is the command that stores one")
	}
	return "", fleet.Errorf(fleet.SecretMissing, "the secret of github_pat holds JSON: store the token alone, as plain text")
}

func isJSON(token string) bool { return strings.HasPrefix(strings.TrimSpace(token), "{") }

// Refresh reads the secret again.
func (p StoredPAT) Refresh(ctx context.Context) error {
	_, err := p.Secret.Refresh(ctx)
	return err
}

// PAT is a personal access token, the same for every owner. The function is
// called for every request, so the token may be replaced while the fleet runs.
type PAT func(ctx context.Context) (string, error)

// Token returns the personal access token.
func (p PAT) Token(ctx context.Context, _ string) (string, error) { return p(ctx) }

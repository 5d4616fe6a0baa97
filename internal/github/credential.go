package github

import "context"

// Credential gives the client its tokens. Implementations decide how long a token
// is kept: the client asks before every request.
type Credential interface {
	// Token returns the token for requests about what owner owns: the user or
	// organization in owner/name, spelled as the fleet's configuration spells it.
	// Its errors must not hold a secret; they reach logs and records.
	Token(ctx context.Context, owner string) (string, error)
}

// PAT is a personal access token, the same for every owner. The function is
// called for every request, so the token may be replaced while the fleet runs.
type PAT func(ctx context.Context) (string, error)

// Token returns the personal access token.
func (p PAT) Token(ctx context.Context, _ string) (string, error) { return p(ctx) }

package doctor

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Secrets are the secrets that checks have read, to be hidden in whatever is shown. It is
// safe for concurrent use; nil hides by looks alone.
type Secrets struct {
	mu     sync.Mutex
	values []string
}

// shortest is the length of a text that is taken for a secret. Hiding shorter ones would
// spoil every word.
const shortest = 4

// Add has secrets hidden from now on, in the forms that a URL has too.
func (s *Secrets) Add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if len(form) >= shortest && !slices.Contains(s.values, form) {
				s.values = append(s.values, form)
			}
		}
	}
	// One may begin with another.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
}

// tokens are GitHub's by their prefixes, what a header gives away, and keys of GitHub Apps.
// https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
var tokens = regexp.MustCompile(`\b(?:gh[opsur]_[A-Za-z0-9_.-]{4,}|github_pat_[A-Za-z0-9_]{4,})|(?i:bearer|token) [A-Za-z0-9_.~+/=-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`)

// Hide is a text without secrets.
func (s *Secrets) Hide(text string) string {
	if s != nil {
		s.mu.Lock()
		for _, secret := range s.values {
			text = strings.ReplaceAll(text, secret, "***")
		}
		s.mu.Unlock()
	}
	return tokens.ReplaceAllString(text, "***")
}

// Values has secrets hidden that are read as a list.
func (s *Secrets) Values(read func(context.Context) ([]string, error)) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		values, err := read(ctx)
		s.Add(values...)
		return values, err
	}
}

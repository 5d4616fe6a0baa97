package github

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Seen is what the last answer to a watched request said beside its content.
type Seen struct {
	Status int           // 0 if there was no answer
	At     time.Time     // when the answer came, by this machine's clock
	Took   time.Duration // from the request to the answer
	Date   time.Time     // GitHub's clock; zero if the answer has none

	// TokenExpires is when the token ends; zero if it does not, or if GitHub does not say so.
	TokenExpires time.Time
	// Scopes are those of a classic token; HasScopes is false for all other credentials.
	Scopes    []string
	HasScopes bool
	// Accepts are the permissions one of which the request needs, as "administration=read";
	// "" if GitHub does not say so.
	Accepts string
}

// seenKey is where a context has its watcher.
type seenKey struct{}

type watched struct {
	mu   sync.Mutex
	seen Seen
}

// Watching returns a context whose requests are watched, and what returns the last answer
// to one of them. The client has to be one of NewWatched.
func Watching(ctx context.Context) (context.Context, func() Seen) {
	w := &watched{}
	return context.WithValue(ctx, seenKey{}, w), func() Seen {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.seen
	}
}

// NewWatched is New for a client whose requests Watching watches. It takes the times from
// now, and hands every credential to sent before GitHub gets it.
func NewWatched(apiBase string, credential Credential, httpClient *http.Client, now func() time.Time, sent func(credential string)) *Client {
	own := http.Client{Timeout: 15 * time.Second}
	if httpClient != nil {
		own = *httpClient
	}
	next := own.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	own.Transport = watcher{next, now, sent}
	return New(apiBase, credential, &own)
}

// watcher notes answers in the context of their requests.
type watcher struct {
	next http.RoundTripper
	now  func() time.Time
	sent func(string)
}

func (t watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t.sent(credential)
	w, ok := r.Context().Value(seenKey{}).(*watched)
	if !ok {
		return t.next.RoundTrip(r)
	}
	began := t.now()
	resp, err := t.next.RoundTrip(r)
	seen := Seen{At: t.now()}
	seen.Took = seen.At.Sub(began)
	if err == nil {
		seen.read(resp)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = seen
	return resp, err
}

// read takes what there is from the headers.
// https://docs.github.com/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
// https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
func (s *Seen) read(resp *http.Response) {
	s.Status = resp.StatusCode
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		s.Date = at
	}
	s.TokenExpires = expiration(resp.Header.Get(expiresHeader))
	s.Accepts = resp.Header.Get("X-Accepted-GitHub-Permissions")
	scopes, ok := resp.Header[http.CanonicalHeaderKey("X-OAuth-Scopes")]
	if !ok {
		return
	}
	s.HasScopes = true
	for scope := range strings.SplitSeq(strings.Join(scopes, ","), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			s.Scopes = append(s.Scopes, scope)
		}
	}
}

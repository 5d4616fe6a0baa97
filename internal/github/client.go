package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	apiVersion = "2022-11-28"
	userAgent  = "ecs-runner-fleet"

	// maxAnswer bounds what is read of one answer. A page of 100 runners with
	// 100 labels each stays below 1 MiB.
	maxAnswer = 4 << 20

	maxRedirects = 5
)

// Client calls one GitHub instance. It is safe for concurrent use.
type Client struct {
	base       string
	credential Credential
	http       *http.Client

	// Shared is where clients share what is left of their budgets; nil if each knows
	// only its own answers. Set it before the first request.
	Shared  cursors
	budgets budgets
	groups  groups
}

// New returns a client of the API at apiBase, which APIBase returns. It asks the
// credential for a token before every request. With a nil httpClient a request
// ends after 15 seconds. The client has no clock and no goroutine of its own, so
// an httpClient without a Timeout runs it on the caller's goroutine alone.
func New(apiBase string, credential Credential, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = &http.Client{Timeout: 15 * time.Second}
	}
	own := *httpClient
	own.CheckRedirect = sameRequestOnly
	c := &Client{
		base: strings.TrimSuffix(apiBase, "/"), credential: credential, http: &own,
		budgets: budgets{known: map[string]fleet.Budget{}, shared: map[string]fleet.Budget{}, readAt: map[string]time.Time{}},
	}
	if asks, ok := credential.(connector); ok {
		c.credential = asks.connect(c)
	}
	return c
}

// sameRequestOnly follows a redirect, such as that of a renamed repository, if
// it leads to the same host and keeps the method. Another host must not see the
// credential, and a POST must not turn into a GET.
func sameRequestOnly(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || req.Method != first.Method ||
		req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// errNotModified says that the answer has not changed since the one that the request
// named.
var errNotModified = errors.New("not modified")

// do sends one request about a resource and decodes the answer into out unless that is
// nil. It returns the answer's headers. If GitHub refuses the token, do looks it up
// again, and sends the request once more if there is another: a request that got 401
// had no effect to repeat.
func (c *Client) do(ctx context.Context, method string, at resource, in, out any) (http.Header, error) {
	if apps, ok := c.credential.(*appTokens); ok && at.app {
		return apps.ask(ctx, 0, method, at, in, out)
	}
	token, err := at.token, error(nil)
	if token.Value == "" {
		token, err = c.token(ctx, at.want)
	}
	if errors.Is(err, errNoToken) {
		return nil, &Error{Method: method, Path: at.bare(), cause: errNoToken}
	}
	if err != nil {
		return nil, err
	}
	header, err := c.send(ctx, method, at, token, in, out)
	if refused, ok := errors.AsType[*Error](err); !ok || refused.StatusCode != http.StatusUnauthorized {
		return header, err
	}
	another, gone := c.another(ctx, at.want, token.Value)
	if fleet.IsNamed(gone, NotFound, NoAccess) {
		return header, gone // GitHub says why it refused the token
	}
	if another.Value == "" || at.token.Value != "" {
		return header, err
	}
	return c.send(ctx, method, at, another, in, out)
}

// another is the token that takes the place of the one that GitHub has just refused, the
// zero one if there is none.
func (c *Client) another(ctx context.Context, want Want, refused string) (Token, error) {
	if kept, ok := c.credential.(refresher); ok {
		if err := kept.Refresh(ctx, want, refused); err != nil {
			return Token{}, err
		}
	}
	token, err := c.token(ctx, want)
	if err != nil || token.Value == refused {
		return Token{}, err
	}
	return token, nil
}

// send is do with a token; the zero one is for what GitHub answers to anyone.
func (c *Client) send(ctx context.Context, method string, at resource, token Token, in, out any) (http.Header, error) {
	fail := &Error{Method: method, Path: at.bare()}
	req, err := c.request(ctx, method, at.path, in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, at.bare(), err)
	}
	if token.Value != "" {
		req.Header.Set("Authorization", "Bearer "+token.Value)
	}
	if at.unless != "" {
		req.Header.Set("If-None-Match", at.unless)
	}

	resp, err := c.http.Do(req)
	if err != nil {
		fail.cause = withoutURL(err)
		return nil, fail
	}
	defer resp.Body.Close()
	fail.StatusCode = resp.StatusCode
	fail.RequestID = resp.Header.Get(requestHeader)

	body, err := readAnswer(resp)
	if resp.StatusCode == http.StatusNotModified && at.unless != "" {
		c.learn(ctx, token, resp.Header, 0)
		return nil, errNotModified
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		fail.date, _ = http.ParseTime(resp.Header.Get("Date"))
		if fail.Message = message(resp, body); token.Value != "" {
			fail.Message = strings.ReplaceAll(fail.Message, token.Value, "***")
		}
		fail.RetryAfter = retryAfter(resp.StatusCode, resp.Header, fail.Message)
	}
	c.learn(ctx, token, resp.Header, fail.RetryAfter)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fail
	}
	if err == nil && out != nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		fail.cause = fmt.Errorf("read the answer: %w", err)
		return nil, fail
	}
	return resp.Header, nil
}

// readAnswer reads the body, into memory of the size that the server says it has.
func readAnswer(resp *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if size := resp.ContentLength; size > 0 && size <= maxAnswer {
		body.Grow(int(size) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if body.Len() > maxAnswer {
		err = fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	return body.Bytes(), err
}

// token returns the token for a request. It fails with errNoToken if that is empty.
func (c *Client) token(ctx context.Context, want Want) (Token, error) {
	token, err := c.credential.Token(ctx, want)
	if err != nil {
		return Token{}, fmt.Errorf("read the token: %w", err)
	}
	if token.Value = strings.TrimSpace(token.Value); token.Value == "" {
		return Token{}, errNoToken
	}
	return token, nil
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", apiVersion)
	req.Header.Set("User-Agent", userAgent)
	return req, nil
}

// message returns GitHub's words about a refusal. Proxies answer with pages
// instead of JSON; those are not repeated.
func message(resp *http.Response, body []byte) string {
	if to := resp.Header.Get("Location"); resp.StatusCode < 400 && to != "" {
		return "redirected, which was not followed; was the repository renamed or the address mistyped?"
	}
	var refusal struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &refusal)
	return refusal.Message
}

// withoutURL drops the URL that net/http puts in front of its errors, since
// Error already names the request.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// resource is what a request is about.
type resource struct {
	want   Want   // what the token has to be good for
	path   string // may carry a query
	app    bool   // it is about the App itself, which asks with its key
	token  Token  // what it carries, if that is known already
	unless string // the ETag of an answer that need not be repeated
}

// bare is the path without the query.
func (r resource) bare() string {
	path, _, _ := strings.Cut(r.path, "?")
	return path
}

// writes is the resource for a request that needs a permission to change it.
func (r resource) writes(permission string) resource {
	r.want.Write = permission
	return r
}

// resource is one of the repository's, at a path below /repos/OWNER/NAME.
func (r Repository) resource(format string, args ...any) resource {
	return resource{
		want: Want{Owner: r.Owner, Repository: r.Name},
		path: "/repos/" + url.PathEscape(r.Owner) + "/" + url.PathEscape(r.Name) + fmt.Sprintf(format, args...),
	}
}

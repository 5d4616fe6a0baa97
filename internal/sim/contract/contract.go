// Package contract checks requests and answers of GitHub's REST API against GitHub's
// own OpenAPI description of it. It is for tests: put a Contract between a client and a
// simulated GitHub, and anything that either gets wrong fails the test.
//
// It is stricter than the description in one way: a query parameter or a field
// that GitHub does not describe is a violation too, because it is a typo or an
// invention. And the description leaves most errors out, so those that any
// request may get (401, 404, 5xx and the like) are checked against GitHub's
// common error object.
package contract

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// OnPurpose is the header of a request that violates the contract on purpose.
// Then it is the lack of a violation that fails the test. The answer is checked
// like any other.
const OnPurpose = "X-Wrong-On-Purpose"

// reporter is the part of a *testing.T that a Contract needs.
type reporter interface {
	Errorf(format string, args ...any)
}

// Contract reports violations to a test. It is safe for concurrent use.
type Contract struct {
	t    reporter
	spec *spec

	mu   sync.Mutex
	seen map[string]bool
}

// New returns a Contract for one test. It panics if the description that is
// built into this package cannot be read.
func New(t reporter) *Contract {
	return &Contract{t: t, spec: github(), seen: map[string]bool{}}
}

// Seen returns the requests and the status of their answers, like "GET
// /repos/{owner}/{repo}/actions/runners 200".
func (c *Contract) Seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.seen))
}

// Described returns what GitHub describes of the same operations, in the same
// form.
func (c *Contract) Described() []string {
	var all []string
	for _, operation := range c.spec.operations(c.Seen()) {
		all = append(all, operation.answers()...)
	}
	slices.Sort(all)
	return all
}

// Handler passes requests on and checks them and their answers. It does not check
// addresses that are not of GitHub's REST API.
func (c *Contract) Handler(next http.Handler) http.Handler { return c.handler(next, true) }

// Requests is Handler for a server whose answers are wrong or incomplete by
// design: it checks requests only.
func (c *Contract) Requests(next http.Handler) http.Handler { return c.handler(next, false) }

func (c *Contract) handler(next http.Handler, answers bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isAPI(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		e := c.request(r, body)
		if !answers {
			next.ServeHTTP(w, r)
			return
		}
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorded, r)
		c.answer(e, recorded.status, w.Header(), recorded.body.Bytes())
	})
}

// Transport is Handler at the client's end.
func (c *Contract) Transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if !isAPI(r.URL.Path) {
			return next.RoundTrip(r)
		}
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, err
			}
			r.Body.Close()
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		e := c.request(r, body)
		resp, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(answer))
		c.answer(e, resp.StatusCode, resp.Header, answer)
		return resp, nil
	})
}

func (c *Contract) request(r *http.Request, body []byte) *exchange {
	e := c.spec.exchange(r, body)
	err := e.checkRequest(r.Context())
	switch onPurpose := r.Header.Get(OnPurpose) != ""; {
	case err != nil && !onPurpose:
		c.t.Errorf("request %s %s violates GitHub's contract: %v", r.Method, r.URL.RequestURI(), err)
	case err == nil && onPurpose:
		c.t.Errorf("request %s %s was to violate GitHub's contract and does not", r.Method, r.URL.RequestURI())
	}
	return e
}

func (c *Contract) answer(e *exchange, status int, header http.Header, body []byte) {
	c.mu.Lock()
	c.seen[e.answered(status)] = true
	c.mu.Unlock()
	if err := e.checkAnswer(status, header, body); err != nil {
		c.t.Errorf("answer %d to %s violates GitHub's contract: %v\n%s", status, e.what, err, body)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorder keeps a copy of what it passes on.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

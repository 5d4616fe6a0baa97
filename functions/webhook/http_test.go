package webhook

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

func TestServeHTTP(t *testing.T) {
	body := queued(t)
	tests := map[string]struct {
		method string
		body   io.Reader
		change func(http.Header)
		status int
		reply  string
	}{
		"a delivery":               {"POST", bytes.NewReader(body), func(http.Header) {}, 202, `{"status":"accepted","run_id":"job-14541957942"}`},
		"another method":           {"GET", nil, func(http.Header) {}, 405, `"status":"invalid"`},
		"no signature":             {"POST", bytes.NewReader(body), func(h http.Header) { h.Del("X-Hub-Signature-256") }, 401, `{"status":"unauthorized"}`},
		"two signatures":           {"POST", bytes.NewReader(body), func(h http.Header) { h.Add("X-Hub-Signature-256", sign(secret, body)) }, 401, `{"status":"unauthorized"}`},
		"1 MiB":                    {"POST", bytes.NewReader(padded(body, MaxBody)), func(h http.Header) { h.Set("X-Hub-Signature-256", sign(secret, padded(body, MaxBody))) }, 202, `"accepted"`},
		"one byte more":            {"POST", bytes.NewReader(padded(body, MaxBody+1)), func(http.Header) {}, 413, "larger than 1 MiB"},
		"many bytes more":          {"POST", io.MultiReader(bytes.NewReader(padded(body, MaxBody)), strings.NewReader("more"), iotest.ErrReader(io.ErrClosedPipe)), func(http.Header) {}, 413, "larger than 1 MiB"},
		"an unsigned body":         {"POST", unread{t}, func(h http.Header) { h.Del("X-Hub-Signature-256") }, 401, `{"status":"unauthorized"}`},
		"no signature's form":      {"POST", unread{t}, func(h http.Header) { h.Set("X-Hub-Signature-256", "sha256=1234") }, 401, `{"status":"unauthorized"}`},
		"a body of another method": {"PUT", unread{t}, func(http.Header) {}, 405, `"status":"invalid"`},
		"a body that breaks":       {"POST", io.MultiReader(bytes.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)), func(http.Header) {}, 400, "did not arrive whole"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			r := httptest.NewRequest(test.method, "/webhook", test.body)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-GitHub-Event", "workflow_job")
			r.Header.Set("X-Hub-Signature-256", sign(secret, body))
			test.change(r.Header)
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.reply) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s %v, want %d …%s…", w.Code, w.Body, w.Header(), test.status, test.reply)
			}
			if lines := strings.Count(b.log.String(), "\n"); lines != 1 {
				t.Errorf("%d log lines for one request", lines)
			}
		})
	}
}

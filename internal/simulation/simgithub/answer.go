package simgithub

import (
	"bytes"
	"hash/crc32"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what GitHub says to a request, without the headers that all answers have.
type answer struct {
	status   int
	body     []byte
	link     string        // where the other pages are
	location string        // where the repository is now
	wait     time.Duration // Retry-After
	lent     bool          // the body is in the memory of the next list
}

func ok(w *writer) answer { return answer{status: http.StatusOK, body: w.b} }

// list begins a list. Most lists are asked for each minute and have not changed, so they
// are written into the same memory.
func (g *GitHub) list() *writer { return &writer{b: g.listing[:0]} }

// listed is the answer with a list.
func (g *GitHub) listed(w *writer) answer {
	g.listing = w.b
	return answer{status: http.StatusOK, body: w.b, lent: true}
}

// refuse is an error in the form that all of GitHub's have.
func refuse(status int, message string) answer {
	w := &writer{}
	w.open('{').text("message", message).text("documentation_url", "https://docs.github.com/rest").
		text("status", strconv.Itoa(status)).close('}')
	return answer{status: status, body: w.b}
}

func notFound() answer { return refuse(http.StatusNotFound, "Not Found") }

func unprocessable(message string) answer { return refuse(http.StatusUnprocessableEntity, message) }

// limited is a secondary limit.
func limited(wait time.Duration) answer {
	a := refuse(http.StatusForbidden, secondaryMessage)
	a.wait = wait
	return a
}

// moved sends a client to the repository's new address. A redirect of anything but a
// GET has to keep the method.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
func moved(q *request) answer {
	status := http.StatusMovedPermanently
	if q.http.Method != http.MethodGet {
		status = http.StatusTemporaryRedirect
	}
	a := refuse(status, "Moved Permanently")
	a.location = q.address(q.http.URL.RawQuery)
	return a
}

// address is where the same thing is found by the repository's id, as GitHub writes it
// in Link headers and redirects.
func (q *request) address(query string) string {
	u := q.http.URL
	base := u.Scheme + "://" + u.Host
	if strings.HasPrefix(u.Path, "/api/v3/") {
		base += "/api/v3"
	}
	if q.repo.isOrganization {
		base += q.organizationAddress()
	} else {
		base += "/repositories/" + strconv.FormatInt(q.repo.id, 10) + "/" + q.rest
	}
	if query != "" {
		base += "?" + query
	}
	return base
}

// refuses is a refusal that a fault asked for.
func (g *GitHub) refuses(q *request, status int, wait time.Duration) *http.Response {
	messages := map[int]string{
		http.StatusUnauthorized: "Bad credentials", http.StatusForbidden: "Resource not accessible by personal access token",
		http.StatusNotFound: "Not Found", http.StatusUnprocessableEntity: "Validation Failed",
		http.StatusTooManyRequests: secondaryMessage, http.StatusConflict: "Already exists - A runner with the name *** already exists.",
	}
	message := messages[status]
	if message == "" {
		message = "Server Error"
	}
	a := refuse(status, message)
	a.wait = wait
	return g.respond(q, a)
}

// page is what a proxy in front of GitHub says.
func (g *GitHub) page(q *request, status int) *http.Response {
	body := []byte("<html><head><title>" + http.StatusText(status) + "</title></head><body><center><h1>" + strconv.Itoa(status) + "</h1></center></body></html>\n")
	resp := bare(q, status, body)
	resp.Header["Content-Type"] = []string{"text/html"}
	return resp
}

func bare(q *request, status int, body []byte) *http.Response {
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, 12),
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: q.http,
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// etag depends on the content and on the token that asked: otterdog#201,
// github/docs#34689.
func etag(token string, body []byte) string {
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(token)), castagnoli, body)
	return `W/"` + strconv.FormatUint(uint64(sum)<<32|uint64(len(body)), 16) + `"`
}

// respond makes the response. A conditional request whose content is unchanged gets
// 304 and is not counted.
func (g *GitHub) respond(q *request, a answer) *http.Response {
	g.requests++
	if a.status >= http.StatusMultipleChoices {
		g.k.Log("%s is answered with %d", q.operation, a.status)
	}
	tag := ""
	if a.status == http.StatusOK && q.by != nil {
		tag = etag(q.http.Header.Get("Authorization"), a.body)
		if q.http.Header.Get("If-None-Match") == tag {
			a.status, a.body = http.StatusNotModified, nil
			q.by.refund(q.operation)
		}
	}
	if a.lent {
		a.body = bytes.Clone(a.body)
	}
	resp := bare(q, a.status, a.body)
	h := resp.Header
	now := g.k.Now()
	h["Date"] = []string{now.UTC().Format(http.TimeFormat)}
	h["X-Github-Request-Id"] = []string{"SIM0:" + strconv.FormatUint(g.requests, 16)}
	if a.body != nil {
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
	}
	if tag != "" {
		h["Etag"] = []string{tag}
	}
	if a.link != "" {
		h["Link"] = []string{a.link}
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.wait > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int(math.Ceil(a.wait.Seconds())))}
	}
	if q.by != nil && !q.by.reset.IsZero() {
		h["X-Ratelimit-Limit"] = []string{strconv.Itoa(q.by.Limit)}
		h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(q.by.Limit - q.by.used)}
		h["X-Ratelimit-Used"] = []string{strconv.Itoa(q.by.used)}
		h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(q.by.reset.Unix(), 10)}
		h["X-Ratelimit-Resource"] = []string{"core"}
	}
	return resp
}

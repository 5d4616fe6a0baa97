package simgithub

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is a request that was let in.
type request struct {
	route
	http  *http.Request
	body  []byte
	by    *credential
	repo  *repository
	query url.Values
}

// about is what faults strike: the operation and the repository.
func (q *request) about() string {
	parts := strings.SplitN(strings.Trim(q.http.URL.Path, "/"), "/", 4)
	if len(parts) < 3 || parts[0] != "repos" {
		return q.operation
	}
	return q.operation + " " + parts[1] + "/" + parts[2]
}

// errBroken is what a client sees of a connection that broke.
var errBroken = errors.New("read tcp: connection reset by peer")

// errPatience is what a client sees that gave up.
var errPatience = errors.New("net/http: request canceled (Client.Timeout exceeded while awaiting headers)")

// RoundTrip answers a request to the REST API in one kernel.Call, whose name is the
// operation's, like github.generate_jitconfig. It makes a GitHub an http.Client's
// Transport.
func (g *GitHub) RoundTrip(req *http.Request) (*http.Response, error) {
	q := request{route: parse(req), http: req}
	if req.Body != nil {
		var err error
		q.body, err = io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if by := g.authenticate(req); by != nil {
		by.concurrent++
		defer func() { by.concurrent-- }()
	}
	var resp *http.Response
	var slow time.Duration
	err := g.k.Call(q.operation, func() (err error) {
		if fault, strikes := g.k.Strikes(Slow, q.operation); strikes {
			slow = length(fault, 5*time.Second)
			g.k.Log("GitHub takes %s to answer %s", slow, q.operation)
		}
		resp, err = g.serve(&q)
		return err
	})
	if slow >= g.cfg.Patience {
		resp, err, slow = nil, errPatience, g.cfg.Patience
	}
	if slow > 0 {
		g.k.Pause(slow)
	}
	return resp, err
}

// serve answers with what GitHub, or the way to it, makes of a request.
func (g *GitHub) serve(q *request) (*http.Response, error) {
	if fault, lasts := g.k.Lasts(Down, q.operation); lasts {
		g.k.Log("GitHub is down: %s is not answered", q.operation)
		if fault.With == "" {
			return nil, errBroken
		}
		return g.page(q, status(fault, http.StatusBadGateway)), nil
	}
	if fault, strikes := g.k.Strikes(Answers, q.about()); strikes {
		code := status(fault, http.StatusInternalServerError)
		g.k.Log("GitHub answers %s with %d", q.operation, code)
		return g.refuses(q, code, fault.For.Duration), nil
	}
	a := g.letIn(q)
	if a.status == 0 {
		a = q.route.answer(g, q)
	}
	if fault, strikes := g.k.Strikes(AnswerLost, q.operation); strikes {
		g.k.Log("the answer %d to %s is lost", a.status, q.operation)
		if fault.With == "" {
			return nil, errBroken
		}
		return g.page(q, status(fault, http.StatusBadGateway)), nil
	}
	return g.respond(q, a), nil
}

// authenticate returns whose request it is, nil if the token is wrong or was revoked.
func (g *GitHub) authenticate(req *http.Request) *credential {
	header := req.Header.Get("Authorization")
	if header == "" {
		return g.anonymous
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return nil
	}
	if g.app != nil && strings.HasPrefix(token, "eyJ") { // what the App has signed
		return g.app
	}
	if end, ends := g.expires[token]; ends && !g.k.Now().Before(end) {
		return nil
	}
	return g.byToken[token]
}

// letIn does for every request what GitHub does before it looks at the path. It
// returns a refusal, or status 0.
func (g *GitHub) letIn(q *request) answer {
	now := g.k.Now()
	if agent, given := q.http.Header["User-Agent"]; given && (len(agent) == 0 || agent[0] == "") { // else net/http sends its own
		// https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent
		return refuse(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
	}
	by := g.authenticate(q.http)
	if by == nil || g.revoked(by) {
		g.k.Log("%s comes with a token that is not valid", q.operation)
		return refuse(http.StatusUnauthorized, "Bad credentials")
	}
	q.by = by
	q.by.usage.Requests[q.operation]++
	if !q.by.primary(now) {
		g.k.Log("%s: credential %s has used up its hour", q.operation, q.by.Name)
		return refuse(http.StatusForbidden, "API rate limit exceeded for user ID "+q.by.Name+".")
	}
	if wait := q.by.secondary(now, q.http.Method == http.MethodGet); wait > 0 {
		g.k.Log("%s: credential %s meets a secondary limit", q.operation, q.by.Name)
		return limited(wait)
	}
	if q.operation == "github.releases" || q.operation == "github.unknown" {
		return answer{}
	}
	if q.by == g.anonymous {
		return refuse(http.StatusUnauthorized, "Requires authentication")
	}
	return g.findRepository(q)
}

func (g *GitHub) revoked(c *credential) bool {
	_, lasts := g.k.Lasts(TokenRevoked, c.Name)
	return lasts
}

// findRepository sets the repository of a request, or sends the client to where it is
// now. What a credential may not see does not exist for it.
// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#404-not-found-for-an-existing-resource
func (g *GitHub) findRepository(q *request) answer {
	if q.ofApp || q.installed || q.organization != "" {
		return g.findOrganization(q)
	}
	asked := strings.ToLower(q.owner + "/" + q.name)
	if q.owner == "" {
		q.repo = g.byID[q.id]
	} else {
		q.repo = g.byName[asked]
	}
	if q.repo == nil || q.by.sees != nil && !q.by.sees[q.repo.id] {
		return notFound()
	}
	if q.owner != "" && asked != strings.ToLower(q.repo.name) {
		return moved(q)
	}
	return answer{}
}

// value is a parameter of the query.
func (q *request) value(name string) string {
	if q.query == nil {
		q.query = q.http.URL.Query()
	}
	return q.query.Get(name)
}

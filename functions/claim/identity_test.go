package claim_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/identity"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

// cloud is a fleet whose runners must show which task they are.
type cloud struct {
	*world
	t   *testing.T
	sts *simsts.World
	id  string // of a runner whose task is up
}

func newCloud(t *testing.T) *cloud {
	w := lifecycletest.New(t)
	c := &cloud{world: w, t: t, sts: &simsts.World{Now: w.Now}}
	c.id = w.Up(w.Job(7))
	w.EditRunner(c.id, func(r *fleet.Runner) { r.Identity = true })
	return c
}

func (c *cloud) handler() claim.Handler {
	endpoint, err := identity.EndpointOf(aws.Config{Region: simsts.Region})
	if err != nil {
		c.t.Fatal(err)
	}
	h := handler(c.world)
	h.Tasks = c.Tasks
	h.Signers = identity.Service{
		HTTP: &http.Client{Transport: c.sts}, Endpoint: endpoint, Now: c.Now,
		Role: identity.Role{Partition: "aws", Account: simsts.Account, UniqueID: simsts.RoleID},
	}
	return h
}

func (c *cloud) ask(nonce string, signed *fleet.Identity) claim.Reply {
	c.t.Helper()
	return c.handler().Handle(c.t.Context(), claim.Request{RunnerID: c.id, Token: fleet.ClaimToken(key, c.id), Nonce: nonce, Identity: signed})
}

// signing is what a claimant signs.
type signing struct {
	session simsts.Session
	host    string
	region  string
	query   string
	headers map[string]string
	at      time.Time
}

// sign is what the runner's own task signs, with the changes of edit.
func (c *cloud) sign(nonce string, edit func(s *signing)) *fleet.Identity {
	c.t.Helper()
	s := signing{
		session: simsts.Task("task-1"), host: simsts.Host, region: simsts.Region, at: c.Now(),
		query:   "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60",
		headers: map[string]string{"X-Fleet-Runner": c.id, "X-Fleet-Nonce": nonce},
	}
	if edit != nil {
		edit(&s)
	}
	role := c.sts.Credentials(s.session)
	r := httptest.NewRequest(http.MethodGet, "https://"+s.host+"/?"+s.query, nil)
	for name, value := range s.headers {
		r.Header.Set(name, value)
	}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	made, _, err := v4.NewSigner().PresignHTTP(c.t.Context(), role, r, nothing, "sts", s.region, s.at)
	if err != nil {
		c.t.Fatal(err)
	}
	u, err := url.Parse(made)
	if err != nil {
		c.t.Fatal(err)
	}
	return &fleet.Identity{
		Date: u.Query().Get("X-Amz-Date"), Signature: u.Query().Get("X-Amz-Signature"), AccessKeyID: role.AccessKeyID, SessionToken: role.SessionToken,
	}
}

// The entrypoint signs what the claim function rebuilds.
func TestAClaimFromItsTask(t *testing.T) {
	for name, recorded := range map[string]bool{"the task is recorded": true, "ECS has to be asked": false} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			if !recorded {
				c.EditRunner(c.id, func(r *fleet.Runner) { r.TaskARN = "" })
			}
			var said strings.Builder
			claimed, code := entrypoint.Claim(t.Context(), entrypoint.Claiming{
				Environ: []string{
					"RUNNER_ID=" + c.id, "CLAIM_URL=https://api.example/runners/" + c.id + "/claim", "CLAIM_TOKEN=" + fleet.ClaimToken(key, c.id),
					"CLAIM_IDENTITY_HOST=" + simsts.Host, "CLAIM_IDENTITY_REGION=" + simsts.Region,
					"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=" + simsts.CredentialsPath + "task-1",
				},
				Stdout: &said, HTTP: &http.Client{Transport: container{c}}, Now: c.Now,
				Sleep: func(context.Context, time.Duration) error { return errors.New("it has to wait") },
			})
			if claimed.Credential == "" || code != 0 || c.Runner(c.id).TaskARN != "task-1" {
				t.Errorf("exit code %d: %s\n%s", code, &said, c.Log)
			}
			if len(c.sts.Asked) != 1 {
				t.Errorf("STS was asked %d times", len(c.sts.Asked))
			}
			c.noSecrets(said.String())
		})
	}
}

// container is what a container can reach: the claim, and what every ECS container
// reaches.
type container struct{ c *cloud }

func (n container) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "api.example" {
		return n.c.sts.RoundTrip(r)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /runners/{id}/claim", n.c.handler())
	out := httptest.NewRecorder()
	mux.ServeHTTP(out, r)
	return out.Result(), nil
}

// noSecrets fails the test if a text that is shown has a secret in it.
func (c *cloud) noSecrets(said string) {
	c.t.Helper()
	all := said + c.Log.String()
	for _, r := range c.sts.Asked {
		for _, secret := range []string{r.Header.Get("X-Fleet-Nonce"), r.URL.Query().Get("X-Amz-Security-Token"), r.URL.Query().Get("X-Amz-Signature"), r.URL.RawQuery} {
			if strings.Contains(all, secret) {
				c.t.Errorf("%q is shown:\n%s", secret, all)
			}
		}
	}
	if strings.Contains(all, "Canonical") {
		c.t.Errorf("STS's own words are shown:\n%s", all)
	}
}

func TestAClaimFromElsewhere(t *testing.T) {
	let := func(edit func(s *signing)) func(c *cloud) *fleet.Identity {
		return func(c *cloud) *fleet.Identity { return c.sign("nonce", edit) }
	}
	unknown := func(c *cloud) { c.EditRunner(c.id, func(r *fleet.Runner) { r.TaskARN = "" }) }
	broken := func(edit func(signed *fleet.Identity)) func(c *cloud) *fleet.Identity {
		return func(c *cloud) *fleet.Identity {
			signed := c.sign("nonce", nil)
			edit(signed)
			return signed
		}
	}
	own := let(nil)
	answer := func(status int, body string) func(c *cloud) {
		return func(c *cloud) {
			c.sts.Answer = func(*http.Request) *http.Response { return simsts.Response(status, body) }
		}
	}
	cases := map[string]struct {
		before func(c *cloud)
		signed func(c *cloud) *fleet.Identity
		status int // 401 unless given
		asked  bool
	}{
		"without":                     {},
		"another task of the fleet's": {signed: let(func(s *signing) { s.session.Name = "task-2" }), asked: true},
		"a role of the same name, of another account": {
			signed: let(func(s *signing) { s.session.Account, s.session.RoleID = "210987654321", "AROA9876543210ZYXWVUT" }), asked: true,
		},
		"another account that claims to have our role": {signed: let(func(s *signing) { s.session.Account = "210987654321" }), asked: true},
		"a role of the same name that was made again":  {signed: let(func(s *signing) { s.session.RoleID = "AROA9876543210ZYXWVUT" }), asked: true},
		"a role whose id only begins alike":            {signed: let(func(s *signing) { s.session.RoleID += "X" }), asked: true},
		"another partition":                            {signed: let(func(s *signing) { s.session.Partition = "aws-cn" }), asked: true},
		"signed for another runner":                    {signed: let(func(s *signing) { s.headers["X-Fleet-Runner"] = "fleet-8-1" }), asked: true},
		"signed for another nonce":                     {signed: let(func(s *signing) { s.headers["X-Fleet-Nonce"] = "another" }), asked: true},
		"signed without the runner":                    {signed: let(func(s *signing) { delete(s.headers, "X-Fleet-Runner") }), asked: true},
		"signed without the nonce":                     {signed: let(func(s *signing) { delete(s.headers, "X-Fleet-Nonce") }), asked: true},
		"signed with another header":                   {signed: let(func(s *signing) { s.headers["X-Other"] = "value" }), asked: true},
		"signed for another host":                      {signed: let(func(s *signing) { s.host = "sts.amazonaws.com" }), asked: true},
		"signed for another region":                    {signed: let(func(s *signing) { s.region = "us-east-1" }), asked: true},
		"signed for another action":                    {signed: let(func(s *signing) { s.query = strings.Replace(s.query, "GetCallerIdentity", "GetSessionToken", 1) }), asked: true},
		"signed for longer":                            {signed: let(func(s *signing) { s.query = strings.Replace(s.query, "=60", "=900", 1) }), asked: true},
		"signed over a minute ago":                     {signed: let(func(s *signing) { s.at = s.at.Add(-61 * time.Second) })},
		"signed ahead of time":                         {signed: let(func(s *signing) { s.at = s.at.Add(61 * time.Second) })},
		"an old signature with a new date": {signed: func(c *cloud) *fleet.Identity {
			signed := c.sign("nonce", func(s *signing) { s.at = s.at.Add(-5 * time.Minute) })
			signed.Date = c.Now().UTC().Format("20060102T150405Z")
			return signed
		}, asked: true},
		"credentials that have expired": {signed: let(func(s *signing) { s.session.Expired = true }), asked: true},
		"a key that STS does not know":  {signed: broken(func(i *fleet.Identity) { i.AccessKeyID = "ASIA0000000000000099" }), asked: true},
		"another session token":         {signed: broken(func(i *fleet.Identity) { i.SessionToken += "x" }), asked: true},
		"another signature":             {signed: broken(func(i *fleet.Identity) { i.Signature = strings.Repeat("0a", 32) }), asked: true},
		"a date that is none":           {signed: broken(func(i *fleet.Identity) { i.Date = "yesterday" })},
		"a key with more in it":         {signed: broken(func(i *fleet.Identity) { i.AccessKeyID += "/20260101/us-east-1" })},
		"a signature that is none":      {signed: broken(func(i *fleet.Identity) { i.Signature = "&X-Amz-Expires=900" })},
		"no session token":              {signed: broken(func(i *fleet.Identity) { i.SessionToken = "" })},

		"no task is recorded, and ECS says another": {
			before: func(c *cloud) {
				unknown(c)
				c.Tasks.Edit("task-1", func(task *fleet.Task) { task.StartedBy = "fleet-8-1" })
			}, signed: own, asked: true,
		},
		"no task is recorded, and ECS says nothing": {before: func(c *cloud) { unknown(c); c.Tasks.Forget("task-1") }, signed: own, status: 503, asked: true},
		"no task is recorded, and ECS is away": {
			before: func(c *cloud) { unknown(c); c.Tasks.Fails["Describe"] = errors.New("no answer") }, signed: own, status: 503, asked: true,
		},
		"STS fails":                 {before: answer(500, ""), signed: own, status: 503, asked: true},
		"STS throttles":             {before: answer(400, simsts.Refusal("Throttling")), signed: own, status: 503, asked: true},
		"STS has no time":           {before: answer(503, simsts.Refusal("ServiceUnavailable")), signed: own, status: 503, asked: true},
		"STS says something else":   {before: answer(200, "<html>"), signed: own, status: 503, asked: true},
		"STS says less":             {before: answer(200, "<GetCallerIdentityResponse/>"), signed: own, asked: true},
		"STS answers with redirect": {before: redirect, signed: own, status: 503, asked: true},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			var signed *fleet.Identity
			if test.signed != nil {
				signed = test.signed(c)
			}
			if test.before != nil {
				test.before(c)
			}
			was := c.Runner(c.id)
			reply := c.ask("nonce", signed)
			want, name := http.StatusUnauthorized, fleet.ClaimUnidentified
			if test.status != 0 {
				want, name = test.status, ""
			}
			if reply.Status != want || reply.Body.Error != name || reply.Body.Message == "" || reply.Body.EncodedJITConfig != "" || (reply.RetryAfter > 0) != (want == 503) {
				t.Errorf("status %d after %s: %+v", reply.Status, reply.RetryAfter, reply.Body)
			}
			if now := c.Runner(c.id); now.Version != was.Version || len(c.GitHub.Names()) != 0 || slices.Contains(c.GitHub.Calls, "Register") {
				t.Errorf("it changes the record, or GitHub: %+v", now)
			}
			if asked := len(c.sts.Asked) > 0; asked != test.asked {
				t.Errorf("STS was asked: %t", asked)
			}
			c.noSecrets(reply.Body.Message)

			// And the runner's own container gets its credential all the same.
			c.sts.Answer = nil
			if want != http.StatusServiceUnavailable && c.Runner(c.id).TaskARN != "" {
				if reply := c.ask("its-own", c.sign("its-own", nil)); reply.Status != http.StatusOK {
					t.Errorf("then its container: status %d: %+v", reply.Status, reply.Body)
				}
			}
		})
	}
}

// redirect tries to have another host asked.
func redirect(c *cloud) {
	c.sts.Answer = func(*http.Request) *http.Response {
		r := simsts.Response(http.StatusTemporaryRedirect, "")
		r.Header.Set("Location", "https://"+simsts.Host+"/elsewhere")
		return r
	}
}

// Only STS is asked, with exactly this request: nothing in a claim changes that.
func TestOnlyOneRequestIsMade(t *testing.T) {
	c := newCloud(t)
	c.ask("nonce", c.sign("nonce", func(s *signing) { s.host = "169.254.169.254" }))
	if reply := c.ask("nonce", c.sign("nonce", nil)); reply.Status != http.StatusOK {
		t.Errorf("status %d: %+v", reply.Status, reply.Body)
	}
	c.ask("nonce\r\nHost: elsewhere", c.sign("nonce", nil))
	for _, r := range c.sts.Asked {
		query := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Scheme+"://"+r.URL.Host+r.URL.Path != "https://"+simsts.Host+"/" || query.Get("Action") != "GetCallerIdentity" ||
			query.Get("X-Amz-SignedHeaders") != "host;x-fleet-nonce;x-fleet-runner" || query.Get("X-Amz-Expires") != "60" || r.Header.Get("X-Fleet-Runner") != c.id {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
	}
	if len(c.sts.Asked) != 2 {
		t.Errorf("%d requests", len(c.sts.Asked))
	}
}

// Images of the release before, and those that people published, have an entrypoint
// that cannot show an identity.
func TestAClaimThatNeedsNoIdentity(t *testing.T) {
	for name, signed := range map[string]*fleet.Identity{"without": nil, "with one": {Date: "20260101T000000Z"}} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.EditRunner(c.id, func(r *fleet.Runner) { r.Identity = false })
			if reply := c.ask("nonce", signed); reply.Status != http.StatusOK || len(c.sts.Asked) != 0 {
				t.Errorf("status %d: %+v; STS was asked %d times", reply.Status, reply.Body, len(c.sts.Asked))
			}
		})
	}
}

// Only the runner's own task can contest a claim, and if its job does so there is no
// alarm.
func TestContestedByItsOwnTask(t *testing.T) {
	c := newCloud(t)
	if reply := c.ask("nonce", c.sign("nonce", nil)); reply.Status != http.StatusOK {
		t.Fatalf("status %d: %+v", reply.Status, reply.Body)
	}
	if reply := c.ask("another", nil); reply.Status != http.StatusUnauthorized || len(c.GitHub.Names()) != 1 {
		t.Errorf("a stranger: status %d: %+v; GitHub has %q", reply.Status, reply.Body, c.GitHub.Names())
	}
	c.EditRunner(c.id, func(r *fleet.Runner) { r.Took = 7 })
	if reply := c.ask("another", c.sign("another", nil)); reply.Status != http.StatusGone || strings.Contains(c.Log.String(), "level=ERROR") {
		t.Errorf("its job: status %d: %+v\n%s", reply.Status, reply.Body, c.Log)
	}
	c.EditRunner(c.id, func(r *fleet.Runner) { r.Took = 0 })
	if reply := c.ask("another", c.sign("another", nil)); reply.Status != http.StatusConflict || len(c.GitHub.Names()) != 0 {
		t.Errorf("its task, before it has a job: status %d: %+v; GitHub has %q", reply.Status, reply.Body, c.GitHub.Names())
	}
}

// The HTTP client's own error text has the whole address in it, and so the session
// token and the signature, which are valid for a minute.
func TestNoAnswerOfSTSShowsASecret(t *testing.T) {
	c := newCloud(t)
	signed := c.sign("nonce", nil)
	c.sts.Host = "elsewhere.example" // nothing answers at STS's own
	reply := c.ask("nonce", signed)
	if reply.Status != http.StatusServiceUnavailable || reply.RetryAfter == 0 {
		t.Errorf("status %d after %s: %+v", reply.Status, reply.RetryAfter, reply.Body)
	}
	if all := c.Log.String() + reply.Body.Message; !strings.Contains(all, "nothing answers") || strings.Contains(all, signed.Signature) || strings.Contains(all, url.QueryEscape(signed.SessionToken)) {
		t.Errorf("a secret is shown:\n%s", all)
	}
}

// A runner still counts as alive while it waits as the claim's answer demands.
func TestWaitingForAWSIsAHeartbeat(t *testing.T) {
	c := newCloud(t)
	signed := c.sign("nonce", nil)
	c.sts.Answer = func(*http.Request) *http.Response { return simsts.Response(500, "") }
	if reply := c.ask("nonce", signed); reply.Status != 503 || c.Executions.Heartbeats != 1 {
		t.Errorf("status %d, %d heartbeats", reply.Status, c.Executions.Heartbeats)
	}
}

package github_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
)

const secret = "ghp_do_not_show_this"

var repo = github.Repository{Owner: "octo", Name: "widgets"}

var token = github.PAT(func(context.Context) (string, error) { return secret, nil })

// serve returns a client of a GitHub that answers with h. The requests have to
// keep GitHub's contract; the answers are as short and wrong as the test wants.
func serve(t *testing.T, h http.HandlerFunc) *github.Client {
	t.Helper()
	server := httptest.NewServer(contract.New(t).Requests(h))
	t.Cleanup(server.Close)
	return github.New(server.URL+"/api/v3", token, server.Client())
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func refusal(message string) string { return fmt.Sprintf(`{"message": %q}`, message) }

func TestErrorNames(t *testing.T) {
	const date = "Tue, 01 Jul 2025 12:00:00 GMT" // 1751371200
	get := func(c *github.Client) error {
		_, err := c.GetJob(t.Context(), repo, 7)
		return err
	}
	remove := func(c *github.Client) error { return c.DeleteRunner(t.Context(), repo, 7) }
	register := func(c *github.Client) error {
		_, err := c.GenerateJITConfig(t.Context(), repo, github.JITRequest{Name: "r", RunnerGroupID: 1, Labels: []string{"x"}})
		return err
	}

	for name, tc := range map[string]struct {
		call   func(*github.Client) error
		answer http.HandlerFunc
		want   string
		wait   time.Duration
	}{
		"a wrong token is unauthorized": {
			get, answer(401, refusal("Bad credentials")), github.Unauthorized, 0},
		"a missing permission is no access": {
			get, answer(403, refusal("Resource not accessible by personal access token")), github.NoAccess, 0},
		"a missing permission stays one while budget is left": {
			get, answer(403, "", "X-RateLimit-Remaining", "12", "X-RateLimit-Reset", "1751371300"), github.NoAccess, 0},
		"an unknown job is not found": {
			get, answer(404, refusal("Not Found")), github.NotFound, 0},
		"a taken name is a conflict": {
			register, answer(409, refusal("Already exists - A runner with the name *** already exists.")), github.Conflict, 0},
		"a runner with a job is busy": {
			remove, answer(422, refusal(`Bad request - Runner "r" is still running a job`)), github.RunnerBusy, 0},
		"those words matter only for DELETE": {
			register, answer(422, refusal(`Bad request - Runner "r" is still running a job`)), github.Invalid, 0},
		"any other 422 is invalid": {
			register, answer(422, refusal("Invalid input: object is missing required key: runner_group_id.")), github.Invalid, 0},
		"any other 4xx is invalid": {
			get, answer(410, ""), github.Invalid, 0},
		"a used-up budget waits for its reset by GitHub's clock": {
			get, answer(403, "", "Date", date, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1751371321"), github.RateLimited, 121 * time.Second},
		"a reset that has passed still waits a little": {
			get, answer(429, "", "Date", date, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1751371100"), github.RateLimited, time.Second},
		"a used-up budget without a reset waits a minute": {
			get, answer(403, "", "X-RateLimit-Remaining", "0"), github.RateLimited, time.Minute},
		"retry-after goes before the reset": {
			get, answer(403, "", "Date", date, "Retry-After", "30", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1751371321"), github.RateLimited, 30 * time.Second},
		"a secondary limit without a time waits a minute": {
			register, answer(403, refusal("You have exceeded a secondary rate limit.")), github.RateLimited, time.Minute},
		"429 is a limit whatever it says": {
			get, answer(429, ""), github.RateLimited, time.Minute},
		"5xx is unclear": {
			register, answer(502, "<html>Unicorn!</html>"), github.Unavailable, 0},
		"5xx may name a time": {
			get, answer(503, "", "Retry-After", "5"), github.Unavailable, 5 * time.Second},
		"a request that timed out is unclear": {
			register, answer(408, ""), github.Unavailable, 0},
		"an answer that is not JSON is unclear": {
			register, answer(201, "<html>Welcome to the hotel network</html>"), github.Unavailable, 0},
		"an answer cut short is unclear": {
			register, answer(201, `{"runner": {"id": 1`), github.Unavailable, 0},
		"an answer without the config is unclear": {
			register, answer(201, `{"runner": {"id": 1}}`), github.Unavailable, 0},
		"an endless answer is unclear": {
			get, answer(200, strings.Repeat(" ", 5<<20)+"{}"), github.Unavailable, 0},
		"a broken connection is unclear": {
			register, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, github.Unavailable, 0},
		"a page that moved to another host is invalid": {
			get, answer(302, "", "Location", "https://elsewhere.example/"), github.Invalid, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				tc.answer(w, r)
			})
			err := tc.call(client)
			failure, ok := errors.AsType[*github.Error](err)
			if !ok {
				t.Fatalf("error is %v, want a *github.Error", err)
			}
			if failure.ErrorName() != tc.want || failure.RetryAfter != tc.wait {
				t.Errorf("got %s after %s, want %s after %s: %v", failure.ErrorName(), failure.RetryAfter, tc.want, tc.wait, err)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("GitHub was called %d times, want once", n)
			}
		})
	}
}

// A GitHub Enterprise Server whose certificate no public authority has signed.
func TestACertificateThatIsNotTrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(answer(200, "{}"))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, address := range map[string]string{
		"an authority that nobody knows": server.URL,
		"a name that is not in it":       strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
	} {
		_, err := github.New(address+"/api/v3", token, nil).GetJob(t.Context(), repo, 7)
		failure, ok := errors.AsType[*github.Error](err)
		if !ok || failure.ErrorName() != github.Untrusted || !strings.Contains(failure.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// github_ca is trusted by the client it is for, beside the public authorities and under the
// server's own name alone.
func TestAnAuthorityOfOnesOwn(t *testing.T) {
	server := httptest.NewUnstartedServer(answer(200, `{"id": 7, "status": "queued"}`))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	client, err := github.HTTPClient(time.Minute, authority)
	if err != nil {
		t.Fatal(err)
	}
	if job, err := github.New(server.URL+"/api/v3", token, client).GetJob(t.Context(), repo, 7); err != nil || job.ID != 7 {
		t.Errorf("got %+v, %v", job, err)
	}
	other := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	_, err = github.New(other+"/api/v3", token, client).GetJob(t.Context(), repo, 7)
	if failure, ok := errors.AsType[*github.Error](err); !ok || failure.ErrorName() != github.Untrusted {
		t.Errorf("a name that is not in the certificate: %v", err)
	}
	public, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	public.AppendCertsFromPEM([]byte(authority))
	if roots := client.Transport.(*http.Transport).TLSClientConfig.RootCAs; !roots.Equal(public) {
		t.Error("the public authorities are not trusted any more")
	}
	if _, err := http.Get(server.URL); err == nil {
		t.Error("every client of the program trusts it")
	}
	if _, err := github.HTTPClient(time.Minute, "hello"); err == nil {
		t.Error("what is no certificate is taken")
	}
	if without, err := github.HTTPClient(time.Minute, ""); err != nil || without.Transport != nil {
		t.Errorf("without github_ca: %+v, %v", without, err)
	}
}

func TestErrorSaysWhatHappenedAndHidesTheToken(t *testing.T) {
	client := serve(t, answer(401, refusal("Bad credentials: "+secret), "X-GitHub-Request-Id", "0123:ABCD"))
	_, err := client.GetRunner(t.Context(), repo, 23)
	const want = `GET /repos/octo/widgets/actions/runners/23: GitHub answered 401 "Bad credentials: ***" (request 0123:ABCD)`
	if err == nil || err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestAHandMadeErrorBehavesLikeOneFromGitHub(t *testing.T) {
	err := &github.Error{Method: "DELETE", StatusCode: 422, Message: "Runner is still running a job"}
	if err.ErrorName() != github.RunnerBusy {
		t.Errorf("name is %s", err.ErrorName())
	}
}

func TestNoAnswerKeepsItsCause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := serve(t, answer(200, "{}"))
	_, err := client.GetJob(ctx, repo, 1)
	failure, ok := errors.AsType[*github.Error](err)
	if !ok || failure.ErrorName() != github.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if strings.Contains(err.Error(), "http://") {
		t.Errorf("error repeats the address: %v", err)
	}
}

func TestWithoutTokenNothingIsSent(t *testing.T) {
	errVault := errors.New("the vault is closed")
	for name, tc := range map[string]struct {
		token github.PAT
		check func(error) bool
	}{
		"an empty token is unauthorized": {
			func(context.Context) (string, error) { return " \n", nil },
			func(err error) bool {
				failure, ok := errors.AsType[*github.Error](err)
				return ok && failure.ErrorName() == github.Unauthorized
			}},
		"a token that cannot be had keeps its own error": {
			func(context.Context) (string, error) { return "", errVault },
			func(err error) bool { return errors.Is(err, errVault) }},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("GitHub was called")
			}))
			defer server.Close()
			_, err := github.New(server.URL, tc.token, nil).GetJob(t.Context(), repo, 1)
			if !tc.check(err) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	var stolen string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen = r.Header.Get("Authorization")
	}))
	defer elsewhere.Close()

	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v3/repos/octo/widgets/actions/jobs/1": // the repository was renamed
			http.Redirect(w, r, "/api/v3/repositories/9/actions/jobs/1", http.StatusMovedPermanently)
		case "/api/v3/repositories/9/actions/jobs/1":
			io.WriteString(w, `{"id": 1, "status": "queued"}`)
		case "/api/v3/repos/octo/widgets/actions/jobs/2":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "/api/v3/repos/octo/widgets/actions/runners/generate-jitconfig":
			http.Redirect(w, r, "/api/v3/repositories/9", http.StatusFound) // would become a GET
		default:
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
		}
	})

	if job, err := client.GetJob(t.Context(), repo, 1); err != nil || job.ID != 1 {
		t.Errorf("a redirect on the same host gives %+v, %v", job, err)
	}
	if _, err := client.GetJob(t.Context(), repo, 2); err == nil || stolen != "" {
		t.Errorf("a redirect to another host gives %v and shows it %q", err, stolen)
	}
	if _, err := client.GenerateJITConfig(t.Context(), repo, github.JITRequest{Name: "r", RunnerGroupID: 1, Labels: []string{"x"}}); err == nil {
		t.Error("a redirect that changes the method gives no error")
	}
}

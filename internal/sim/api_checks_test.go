package sim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// headSHA is the commit of the newest job.
func (w *world) headSHA() string {
	w.t.Helper()
	jobs := w.Jobs()
	return w.api("GET", fmt.Sprintf("/actions/jobs/%d", jobs[len(jobs)-1].ID), nil).body["head_sha"].(string)
}

func TestCheckRuns(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, sim.Config{App: &sim.App{ID: 7, ClientID: "x", Keys: []*rsa.PublicKey{&key.PublicKey}, Permissions: map[string]string{"checks": "write"}}})
	w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
	head := w.headSHA()
	as := appToken(t, w, key)
	post := func(body any) answer { return w.ask(t.Context(), as, "POST", repoPath+"/check-runs", body) }
	check := func(name, id string) string {
		return fmt.Sprintf(`{"name": %q, "head_sha": %q, "external_id": %q, "status": "completed", "conclusion": "failure", "output": {"title": "t", "summary": "s"}}`, name, head, id)
	}
	changed := w.Changed()
	for _, one := range []string{check("a", "1"), check("a", "2"), check("b", "3")} {
		if got := post(one); got.status != 201 || got.body["status"] != "completed" || got.body["conclusion"] != "failure" {
			t.Fatalf("%d %s", got.status, got.raw)
		}
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is told")
	}
	for query, want := range map[string]string{"": "3 2", "?filter=all": "3 2 1", "?check_name=a": "2", "?check_name=a&filter=all": "2 1", "?check_name=c": ""} {
		got := w.ask(t.Context(), as, "GET", repoPath+"/commits/"+head+"/check-runs"+query, nil)
		var ids []string
		for _, one := range got.body["check_runs"].([]any) {
			ids = append(ids, one.(map[string]any)["external_id"].(string))
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%q lists %q, want %q", query, ids, want)
		}
	}
	for name, tc := range map[string]struct {
		body    any
		status  int
		message string
	}{
		"an unknown commit":   {strings.ReplaceAll(check("a", "1"), head, strings.Repeat("0", 40)), 422, "No commit found"},
		"no name":             {onPurpose{`{}`}, 422, "weren't supplied"},
		"no conclusion":       {fmt.Sprintf(`{"name": "a", "head_sha": %q, "status": "completed"}`, head), 422, "conclusion"},
		"a long summary":      {onPurpose{strings.ReplaceAll(check("a", "1"), `"s"`, `"`+strings.Repeat("ä", 65536)+`"`)}, 422, "65535"},
		"a page that is none": {fmt.Sprintf(`{"name": "a", "head_sha": %q, "status": "queued", "details_url": "javascript:x"}`, head), 422, "details_url"},
		"broken JSON":         {onPurpose{"{"}, 400, "Problems parsing JSON"},
	} {
		if got := post(tc.body); got.status != tc.status || !strings.Contains(fmt.Sprint(got.body["message"]), tc.message) {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if got := w.api("POST", "/check-runs", check("a", "1")); got.status != 403 {
		t.Errorf("a token makes one: %d %s", got.status, got.raw)
	}
	if len(w.CheckRuns()) != 3 {
		t.Errorf("it has %v", w.CheckRuns())
	}
}

// appToken is a token of the App's installation.
func appToken(t *testing.T, w *world, key *rsa.PrivateKey) string {
	t.Helper()
	now := w.clock.Now()
	self, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: "x", IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	got := w.ask(t.Context(), self, "POST", fmt.Sprintf("/api/v3/app/installations/%d/access_tokens", w.InstallationID()), `{"permissions": {"checks": "write"}}`)
	if got.status != 201 {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	return got.body["token"].(string)
}

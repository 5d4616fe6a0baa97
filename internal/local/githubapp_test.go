package local_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// appKeyPair is made once: a key takes long.
var appKeyPair = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// oneKey is the secret with an App's key.
type oneKey struct{}

func (oneKey) Values(context.Context) ([]string, error) {
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(appKeyPair())}
	return []string{string(pem.EncodeToMemory(block))}, nil
}

func (oneKey) Refresh(context.Context) (bool, error) { return false, nil }

// asApp has the fleet act as a GitHub App, with no token.
func asApp(c *local.Config, s *sim.Config) {
	s.Token = ""
	s.App = &sim.App{
		ID: 77, ClientID: "Iv23simulated", Keys: []*rsa.PublicKey{&appKeyPair().PublicKey},
		Permissions: map[string]string{"actions": "read", "administration": "write", "metadata": "read"},
	}
	c.Policy.GitHubApp = true
	c.Credential = github.Apps{List: []github.App{{ID: "Iv23simulated", Keys: oneKey{}}}, Now: time.Now}
}

func TestAFleetIsAGitHubApp(t *testing.T) {
	w := newWorld(t, asApp)
	first := w.github.Queue(job())
	w.awaitEnd(first)
	w.github.RevokeTokens()
	second := w.github.Queue(job())
	w.awaitEnd(second)
	for _, id := range []int64{first, second} {
		if d := w.details(id); d.Run.Status != fleet.RunCompleted || d.Run.Conclusion != "success" || len(d.Runners) != 1 {
			t.Errorf("%+v", d.Run)
		}
	}
	if left := w.github.Runners(); len(left) != 0 {
		t.Errorf("registrations left on GitHub: %+v", left)
	}
	w.stop(time.Minute)
	if strings.Contains(w.logged(), "ghs_") || strings.Contains(w.logged(), "PRIVATE KEY") {
		t.Error("the log has a secret")
	}
	err := filepath.WalkDir(w.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "ghs_77_") || strings.Contains(string(content), "PRIVATE KEY") {
			t.Errorf("%s has a secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What an App may write decides what a refusal is shown as.
func TestAnAppShowsRefusals(t *testing.T) {
	for permission, as := range map[string]string{"checks": "a failed check run", "statuses": "a failed commit status"} {
		t.Run(permission, func(t *testing.T) {
			w := newWorld(t, asApp, func(_ *local.Config, s *sim.Config) { s.App.Permissions[permission] = "write" })
			id := w.github.Queue(job("class:huge"))
			w.awaitEnd(id)
			w.await("the refusal shown", func() bool { return w.run(id).Notice.String() == "shown to its developer as "+as })
			checks, statuses := w.github.CheckRuns(), w.github.Statuses()
			if len(checks)+len(statuses) != 1 || (len(checks) == 1) != (permission == "checks") {
				t.Fatalf("GitHub shows %+v and %+v", checks, statuses)
			}
			if len(checks) == 1 && (checks[0].Conclusion != "failure" || !strings.Contains(checks[0].Summary, `class "huge" is not one of`)) {
				t.Errorf("the check run is %+v", checks[0])
			}
		})
	}
}

func TestASuspendedAppHoldsJobsBack(t *testing.T) {
	w := newWorld(t, asApp)
	w.github.Suspend(true)
	id := w.github.Queue(job())
	w.awaitRetry(id)
	if r := w.run(id).Reason; !strings.Contains(r, "suspended") {
		t.Errorf("the reason is %q", r)
	}
	if started := w.run(id).Times[fleet.StageTaskStarted]; !started.IsZero() {
		t.Error("a task was started for an App that may not register it")
	}
	w.github.Suspend(false)
	if _, err := w.operator().Retry(t.Context(), fleet.RunID(id), fleet.Operator{}); err != nil {
		t.Fatal(err)
	}
	w.awaitEnd(id)
	if run := w.run(id); run.Status != fleet.RunCompleted {
		t.Errorf("%+v", run)
	}
}

func TestAForeignInstallationIsRefused(t *testing.T) {
	w := newWorld(t, asApp, func(_ *local.Config, s *sim.Config) {
		s.Deliver = func(d sim.Delivery) []sim.Delivery {
			d.Body = []byte(strings.Replace(string(d.Body), `"installation":{"id":`, `"installation":{"id":9`, 1))
			return []sim.Delivery{d}
		}
	})
	id := w.github.Queue(job())
	w.awaitEnd(id)
	run := w.run(id)
	foreign := fmt.Sprintf("9%d", w.github.InstallationID())
	if run.Status != fleet.RunRefused || run.Rule != "installation.foreign" || !strings.Contains(run.Reason, foreign) {
		t.Errorf("%s by %q: %s", run.Status, run.Rule, run.Reason)
	}
	if !run.Times[fleet.StageTaskStarted].IsZero() {
		t.Error("a task was started")
	}
}

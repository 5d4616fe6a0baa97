//go:build aws

package flow

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/authoritytest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// keySecret is the secret that testdata/enterprise.yaml names.
const keySecret = "flow/app-key"

// enterprise is the GitHub of testdata/enterprise.yaml: a server whose certificate is of an
// authority of its own, with an App that may do what docs/github-app.md names and no more.
type enterprise struct {
	authority     authoritytest.Authority
	authorityFile string
	key           *rsa.PrivateKey // of the App, at first
}

func newEnterprise(t *testing.T) *enterprise {
	t.Helper()
	e := &enterprise{authority: authoritytest.New(t, "Corp Root", nil), key: newAppKey(t)}
	e.authorityFile = filepath.Join(t.TempDir(), "github-ca.pem")
	if err := os.WriteFile(e.authorityFile, []byte(e.authority.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

func newAppKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func inPEM(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// storeKey stores what an operator stores before the deployment.
func (e *enterprise) storeKey(m moto) {
	m.json("secretsmanager", "secretsmanager.CreateSecret", map[string]any{"Name": keySecret, "SecretString": inPEM(e.key), "ClientRequestToken": rand.Text() + rand.Text()})
}

// serve starts the server.
func (e *enterprise) serve(t *testing.T, front *httptest.Server, config *sim.Config) {
	t.Helper()
	front.TLS = &tls.Config{Certificates: []tls.Certificate{e.authority.Server(t, net.IPv4(127, 0, 0, 1))}}
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	config.Token = ""
	config.RunnerGroups = []string{"others", "Fleet"}
	config.App = &sim.App{
		ID: 77, ClientID: "Iv23simulated", Keys: []*rsa.PublicKey{&e.key.PublicKey},
		Permissions: map[string]string{"actions": "read", "organization_self_hosted_runners": "write", "metadata": "read"},
	}
}

// TestAnEnterprise plays the main flow as a company has it: with an App, in a runner group of
// an organization, on a server with its own authority. Every call is checked against the
// policy of the function that makes it.
func TestAnEnterprise(t *testing.T) {
	w := startWith(t, setup{enterprise: newEnterprise(t)})
	w.guarded(t)
	var mu sync.Mutex
	var asked []string
	note := func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		return false
	}
	w.refuses.Store(&note)

	runs, built, refused := w.github.Queue(job()), w.github.Queue(job("image:node:22")), w.github.Queue(job("image:evil.example/x:1"))
	w.awaitEnd(runs, built, refused)
	w.succeeded(runs, built)
	if run := w.run(refused); run.Status != fleet.RunRefused {
		t.Errorf("refused: %+v", run)
	}

	// Every token ends between the start of a task and its claim.
	release := w.fargate.hold()
	held := w.github.Queue(job())
	w.await("a task", func() bool { return w.fargate.waiting() > 0 })
	w.github.RevokeTokens()
	release()
	w.awaitEnd(held)
	w.succeeded(held)

	w.sweep()
	mu.Lock()
	registered := false
	for _, path := range asked {
		registered = registered || path == "/api/v3/orgs/octo-org/actions/runners/generate-jitconfig"
		if strings.Contains(path, "/actions/runner") && !strings.Contains(path, "/orgs/octo-org/") && !strings.HasSuffix(path, "/downloads") {
			t.Errorf("asked for runners at %s", path)
		}
	}
	mu.Unlock()
	if !registered {
		t.Errorf("no runner was registered in the organization: %q", asked)
	}
	for name, f := range w.functions {
		f.Close()
		if said := strings.Join(f.Logs(), "\n"); strings.Contains(said, "ghs_") || strings.Contains(said, "PRIVATE KEY") {
			t.Errorf("the log of %s has a secret", name)
		}
	}
	w.leftNothing()
}

// While an installation is suspended, jobs wait and nothing is spent; then they run.
func TestASuspendedInstallation(t *testing.T) {
	w := startWith(t, setup{enterprise: newEnterprise(t)})
	w.github.Suspend(true)
	id := w.github.Queue(job())
	w.says(id, fleet.GitHubNoAccess, "suspended")
	if tasks := w.fargate.count(); tasks != 0 {
		t.Errorf("%d tasks were started that could never register", tasks)
	}
	w.github.Suspend(false)
	w.timePasses()
	w.sweep()
	w.awaitEnd(id)
	w.succeeded(id)
	w.leftNothing()
}

// An App's key is replaced while jobs come, and no job notices.
func TestAKeyIsReplacedUnderLoad(t *testing.T) {
	w := startWith(t, setup{enterprise: newEnterprise(t)})
	old, new := &w.enterprise.key.PublicKey, newAppKey(t)
	var all []int64
	jobsCome := func() {
		for range 4 {
			all = append(all, w.github.Queue(job()))
		}
	}
	jobsCome()
	w.await("jobs that are under way", func() bool { return w.fargate.count() > 0 })
	w.github.SetAppKeys(old, &new.PublicKey) // the second key is generated
	jobsCome()
	w.stack.moto.json("secretsmanager", "secretsmanager.PutSecretValue", map[string]any{"SecretId": keySecret, "SecretString": inPEM(new), "ClientRequestToken": rand.Text() + rand.Text()[:10]})
	jobsCome()
	w.freshEnvironments()               // a minute later, when a refusal has the secret read again
	w.github.SetAppKeys(&new.PublicKey) // the old one is deleted
	w.github.RevokeTokens()             // an hour later
	jobsCome()
	w.awaitEnd(all...)
	w.succeeded(all...)
	for _, id := range all {
		if run := w.run(id); run.Setback != nil {
			t.Errorf("job %d met %+v", id, run.Setback)
		}
	}
	w.sweep()
	w.leftNothing()
}

func (w *world) succeeded(jobs ...int64) {
	w.t.Helper()
	for _, id := range jobs {
		if run := w.run(id); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
			w.t.Errorf("job %d: %s %s %s", id, run.Status, run.Conclusion, run.Reason)
		}
	}
}

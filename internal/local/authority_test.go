package local_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/authoritytest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// newServerWorld is a fleet of a GitHub Enterprise Server whose certificate is of an
// authority of its own, which the fleet trusts if github_ca names it.
func newServerWorld(t *testing.T, trusted bool) (w *world, authority string) {
	t.Helper()
	made := authoritytest.New(t, "Corp Root", nil)
	authority = made.Certificate
	ready := make(chan struct{})
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		<-ready
		w.serveGitHub(rw, r)
	}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{made.Server(t, net.IPv4(127, 0, 0, 1))}}
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	t.Cleanup(front.Close)
	w = newWorld(t, func(c *local.Config, s *sim.Config) {
		c.GitHubURL, s.URL = front.URL, front.URL
		if trusted {
			c.GitHubCA = authority
		}
	})
	close(ready)
	return w, authority
}

// The whole way of a job: the fleet and its runner trust the server.
func TestAJobOfAServerWithAnAuthorityOfItsOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the stand-in for GitHub's runner is a Go program, which reads SSL_CERT_FILE on Linux alone")
	}
	w, _ := newServerWorld(t, true)
	id := w.github.Queue(jobThat(`cat "$NODE_EXTRA_CA_CERTS"; echo "git trusts $GIT_SSL_CAINFO"`))
	w.awaitEnd(id)
	if d := w.details(id); d.Run.Status != fleet.RunCompleted || d.Run.Conclusion != "success" || len(d.Runners) != 1 {
		t.Errorf("run: %+v", d.Run)
	}
	said := strings.Join(w.github.JobLog(id), "\n")
	if !strings.Contains(said, "BEGIN CERTIFICATE") || !strings.Contains(said, ".ecsrunner/git_ssl_cainfo.pem") {
		t.Errorf("the job is not shown whom to trust:\n%s", said)
	}
}

// A server of 2021 leaves out of its webhooks what later ones send.
func TestAJobOfAnOldServer(t *testing.T) {
	w := newWorld(t, func(_ *local.Config, s *sim.Config) {
		s.Deliver = func(d sim.Delivery) []sim.Delivery {
			var body map[string]any
			if err := json.Unmarshal(d.Body, &body); err != nil {
				t.Error(err)
			}
			if job, ok := body["workflow_job"].(map[string]any); ok {
				for _, field := range []string{"run_attempt", "workflow_name", "head_branch", "created_at"} {
					if _, there := job[field]; !there {
						t.Errorf("%s has no %s: it is not taken away from anything", d.Action, field)
					}
					delete(job, field)
				}
			}
			d.Body, _ = json.Marshal(body)
			return []sim.Delivery{d}
		}
	})
	id := w.github.Queue(job())
	w.awaitEnd(id)
	if d := w.details(id); d.Run.Status != fleet.RunCompleted || d.Run.Conclusion != "success" || len(d.Runners) != 1 {
		t.Errorf("run: %+v", d.Run)
	}
}

// Without github_ca nothing is spent, and the reason says what to do. Then the job runs
// that waits.
func TestAServerThatIsNotTrusted(t *testing.T) {
	w, authority := newServerWorld(t, false)
	id := w.github.Queue(job())
	w.awaitRetry(id)
	run := w.run(id)
	if run.Setback == nil || run.Setback.Name != fleet.GitHubUntrusted || !strings.Contains(run.Reason, "github_ca") {
		t.Errorf("the run waits because %s: %+v", run.Reason, run.Setback)
	}
	for _, r := range w.details(id).Runners {
		if r.TaskARN != "" {
			t.Errorf("a task was started: %+v", r)
		}
	}
	if logs, _ := os.ReadDir(w.dir + "/runners"); len(logs) != 0 {
		t.Errorf("work directories were made: %v", logs)
	}
	if runtime.GOOS != "linux" {
		return
	}
	w.stop(time.Minute)
	w.config.GitHubCA = authority
	w.start()
	w.awaitEnd(id)
	if run := w.run(id); run.Status != fleet.RunCompleted {
		t.Errorf("once the server is trusted: %+v", run)
	}
}

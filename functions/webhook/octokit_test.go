//go:build octokit

package webhook

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// This test needs Node and the packages of testdata/oracle: `make test-octokit`
// installs them and runs it.

// The server accepts Octokit's signatures, and refuses a wrong secret.
func TestOctokitSigns(t *testing.T) {
	b := oracleFleet(t)
	server := httptest.NewServer(b.Handler)
	defer server.Close()
	send := func(key string) (string, error) {
		cmd := exec.Command("node", "send.mjs", server.URL+"/webhook")
		cmd.Dir = oracle
		cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+key)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := send(secret); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Log("\n" + out)
	}
	if out, err := send(previous); err == nil || !strings.Contains(out, " 401 ") {
		t.Errorf("a wrong secret: %v\n%s", err, out)
	}
}

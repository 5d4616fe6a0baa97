//go:build aws

package flow

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// TestTheOutputsCommands runs the commands that the stack's outputs give people to run,
// with AWS's own command line: the functions use the token that one of them stores, and
// webhooks are signed with the secret that another shows.
func TestTheOutputsCommands(t *testing.T) {
	w := start(t)
	const token = "ghp_storedByHand"
	w.shell(t, w.output("StoreGitHubPatCommand"), token+"\n")
	if got := w.secretValue(w.environment("validate")[deployment.EnvGitHubPAT]); strings.TrimSpace(got) != token {
		t.Errorf("stored %q", got)
	}
	if got := strings.TrimSpace(w.shell(t, w.output("ReadWebhookSecretCommand"), "")); got != w.stack.secrets["webhook"] {
		t.Errorf("shown %q", got)
	}
}

func (w *world) output(name string) string {
	w.t.Helper()
	output, ok := w.stack.tpl.Outputs[name]
	if !ok {
		w.t.Fatalf("the stack has no output %s", name)
	}
	return w.stack.text(output.Value)
}

// shell runs a line exactly as it is printed.
func (w *world) shell(t *testing.T, line, stdin string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", line)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+w.stack.moto.url, "AWS_ACCESS_KEY_ID="+admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+admin.SecretAccessKey, "AWS_CONFIG_FILE=/dev/null")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, said.String())
	}
	return string(out)
}

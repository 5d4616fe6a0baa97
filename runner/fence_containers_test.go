//go:build containers

package runner_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// tryFence has a network namespace of its own in which both addresses answer.
const tryFence = `
set -eu
ip link set lo up
ip addr add 169.254.170.2/32 dev lo
ip addr add 169.254.169.254/32 dev lo
: >"$1"
python3 -c '
import socket
s = socket.create_server(("0.0.0.0", 80))
print("listens", flush=True)
while True:
    s.accept()[0].close()
' >"$1" 2>&1 &
server=$!
trap 'kill $server' EXIT
until grep -q . "$1"; do kill -0 $server; done
try() { for address in $givers; do if timeout 5 bash -c "</dev/tcp/$address/80" 2>/dev/null; then echo "$1 $address reached"; else echo "$1 $address not reached"; fi; done; }
try before
keep OUTPUT 2>/dev/null
try fenced
unfence
try after
`

// The engine's own requests go through OUTPUT, for example for an ADD of a Dockerfile.
func TestContainersFenceOfTheBuilderItself(t *testing.T) {
	var functions strings.Builder
	script := runner.Context()["build.sh"]
	for _, part := range []struct{ from, to string }{{"givers=", "\n"}, {"keep() {", "\n}\n"}, {"builder_rules=", "\n"}, {"unfence() {", "\n}\n"}} {
		_, rest, ok := strings.Cut(script, "\n"+part.from)
		text, _, end := strings.Cut(rest, part.to)
		if !ok || !end {
			t.Fatalf("build.sh has no %s", part.from)
		}
		functions.WriteString(part.from + text + part.to)
	}
	out, err := exec.Command("unshare", "--net", "bash", "-c", functions.String()+tryFence, "fence", t.TempDir()+"/server").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "before 169.254.170.2 reached\nbefore 169.254.169.254 reached\nfenced 169.254.170.2 not reached\nfenced 169.254.169.254 not reached\nafter 169.254.170.2 reached\nafter 169.254.169.254 reached\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

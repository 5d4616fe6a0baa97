//go:build containers

package container_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// One job offers a secret on a port, and another one looks for it. In one network
// Podman lets the second job reach it; otherwise this test would prove nothing. In
// networks of their own the jobs do not reach each other, and both reach the fleet.
func TestContainersInNetworksOfTheirOwn(t *testing.T) {
	for what, test := range map[string]struct {
		own  bool
		want string
	}{
		"one network":           {false, "THE SECRET\nnot there\n"},
		"networks of their own": {true, "nothing\nhello\n"},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			if !test.own && !strings.HasPrefix(r.engine.Name(), "Podman") {
				t.Skip("this engine keeps the containers of one network from each other")
			}
			if test.own {
				r.cfg.Network = ""
			}
			door := sayHello(t)
			r.cfg.Doors = []*container.Door{door}
			r.restart()
			first := r.launchAs("test-7-1", `hostname -i; exec perl -MIO::Socket::INET -e '
				$s = IO::Socket::INET->new(LocalPort => 8123, Listen => 5) or die $!; $| = 1; print "offers\n";
				while ($c = $s->accept) { print $c "THE SECRET\n"; close $c }'`)
			r.awaitLog("offers\n")
			address, _, _ := strings.Cut(r.log(), "\n")
			r.launchAs("test-8-1", fmt.Sprintf(`
				timeout 5 bash -c 'cat </dev/tcp/%s/8123' 2>/dev/null || echo nothing
				timeout 5 bash -c 'cat </dev/tcp/%s/%s' 2>/dev/null || echo not there`, address, container.HostName, door.Port))
			for r.await(fleet.TaskStopped).StartedBy != "test-8-1" {
			}
			if got := r.logOf("test-8-1"); got != test.want {
				t.Errorf("the second job of %s says:\n%s", address, got)
			}
			if err := r.Stop(t.Context(), first.ARN, "over"); err != nil {
				t.Fatal(err)
			}
			r.await(fleet.TaskStopped)
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left, err := r.engine.PodmanNetworksLabelled(t.Context(), "ecsrunner.fleet", "test"); err != nil || len(left) > 1 { // the rig's own stays
				t.Errorf("networks are left: %q, %v", left, err)
			}
		})
	}
}

// sayHello is a door whose server says hello.
func sayHello(t *testing.T) *container.Door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close() // the port is free at the gateways, too
	door := &container.Door{Port: port, Serve: func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, "hello")
			conn.Close()
		}
	}}
	t.Cleanup(door.Shut)
	return door
}

func (r *rig) launchAs(runnerID, script string) fleet.Task {
	r.t.Helper()
	launched, err := r.Launch(r.t.Context(), task.Spec{
		RunnerID: runnerID, ClientToken: runnerID + ".0", Image: base, CPU: 256, Memory: 256, Command: []string{"bash", "-c", script},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return launched
}

//go:build containers

package container_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// A container's request to the gateway comes from the address that the engine shows; a
// request of this machine does not.
func TestContainerIsKnownByItsAddress(t *testing.T) {
	r := newRig(t)
	network, err := r.engine.EnsureNetwork(t.Context(), r.cfg.Network, nil)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := container.New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := container.ListenOn(t.Context(), net.JoinHostPort(network.Gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 2)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		from := netip.MustParseAddrPort(req.RemoteAddr).Addr()
		own, err := runner.From(req.Context(), "test-7-1", from)
		others, otherErr := runner.From(req.Context(), "test-7-2", from)
		asked <- fmt.Sprintf("%s %t %t %v %v", req.URL.Path, own, others, err, otherErr)
		if req.URL.Path == "/container" { // while it waits: its network may go with it
			answer, err := http.Get("http://" + req.Host + "/machine")
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
		}
	})}
	go server.Serve(listener) // ends with Close
	defer server.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	task, said := r.run(fmt.Sprintf("exec bash -c 'exec 3<>/dev/tcp/%s/%s && printf \"GET /container HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n\" >&3 && cat <&3'", network.Gateway, port, listener.Addr()))
	wantExit(t, task, 0)
	if len(asked) != 2 {
		t.Fatalf("%d asked; it said %s", len(asked), said)
	}
	if got := <-asked; got != "/container true false <nil> <nil>" {
		t.Errorf("the container: %s", got)
	}
	if got := <-asked; got != "/machine false false <nil> <nil>" {
		t.Errorf("this machine: %s", got)
	}
}

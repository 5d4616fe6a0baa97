package container_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// ownBench is a bench whose containers have networks of their own, with a door to this
// test, which says hello.
func ownBench(t *testing.T) (b *bench, reaches func() bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	b = newBench(t)
	b.opened = make(chan struct{}, 10)
	b.gateway, b.cfg.Network = "127.0.0.1", ""
	b.openDoor(port)
	return b, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		defer conn.Close()
		var said string
		_, err = fmt.Fscan(conn, &said)
		return err == nil && said == "hello"
	}
}

// openDoor begins with a new door, as the next process does.
func (b *bench) openDoor(port string) {
	for _, before := range b.cfg.Doors {
		before.Shut()
	}
	door := &container.Door{Port: port, Serve: func(l net.Listener) {
		b.opened <- struct{}{}
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, "hello")
			conn.Close()
		}
	}}
	b.t.Cleanup(door.Shut)
	b.cfg.Doors = []*container.Door{door}
	b.restart()
}

func (b *bench) networkNames() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.networks {
		names = append(names, name)
	}
	return names
}

func TestEachContainerHasANetworkOfItsOwn(t *testing.T) {
	b, reaches := ownBench(t)
	if reaches() {
		t.Error("the door is open before there is a network")
	}
	b.launch()
	b.await(fleet.TaskRunning)
	names, host := b.networkNames(), b.created[0]["HostConfig"].(map[string]any)
	if len(names) != 1 || host["NetworkMode"] != names[0] || fmt.Sprint(host["ExtraHosts"]) != "[ecsrunner.internal:127.0.0.1]" {
		t.Errorf("networks %q; the container has %v and %v", names, host["NetworkMode"], host["ExtraHosts"])
	}
	if !reaches() {
		t.Error("the door is not open at the network's gateway")
	}

	<-b.opened
	b.openDoor(b.cfg.Doors[0].Port) // another process of the fleet takes over
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	<-b.opened
	if !reaches() {
		t.Error("the door is not open after a restart")
	}

	b.exits(0, "")
	b.await(fleet.TaskStopped)
	if err := b.Close(t.Context()); err != nil || len(b.networkNames()) != 0 {
		t.Errorf("%v; networks are left: %q", err, b.networkNames())
	}
	if reaches() {
		t.Error("the door is open after the container's end")
	}
}

// The next process removes what a killed process left.
func TestNetworksOfContainersThatAreGone(t *testing.T) {
	b, _ := ownBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	kept := b.networkNames()[0]
	b.change(func() {
		old := map[string]string{}
		for key, value := range b.networks[kept].Labels {
			old[key] = value
		}
		old["ecsrunner.runner-id"], old["ecsrunner.task-arn"] = "test-6-1", strings.ReplaceAll(old["ecsrunner.task-arn"], "7", "6")
		b.networks["old"] = &network{Name: "old", Labels: old}
		b.networks["of another fleet"] = &network{Name: "of another fleet", Labels: map[string]string{"ecsrunner.data-dir": "another"}}
	})
	b.restart()
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := b.networkNames(); len(got) != 2 || strings.Contains(fmt.Sprint(got), "old") {
		t.Errorf("networks %q, kept should be %q and another fleet's", got, kept)
	}
}

// A fleet with one network for all containers removes the networks of its earlier ones.
func TestNetworksOfContainersFromBeforeThereWasOneForAll(t *testing.T) {
	b, _ := ownBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	b.cfg.Network = "one-for-all"
	b.restart()
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	b.exits(0, "")
	b.await(fleet.TaskStopped)
	if err := b.Close(t.Context()); err != nil || len(b.networkNames()) != 0 {
		t.Errorf("%v; networks are left: %q", err, b.networkNames())
	}
}

func TestANetworkOfAContainerThatIsNotMade(t *testing.T) {
	b, _ := ownBench(t)
	s := spec()
	s.Image = "sha256:gone"
	if _, err := b.Launch(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if end := b.await(fleet.TaskStopped); end.StopCode != fleet.StopTaskFailedToStart {
		t.Errorf("it ended as %+v", end)
	}
	if got := b.networkNames(); len(got) != 0 {
		t.Errorf("networks are left: %q", got)
	}
}

func TestAnOldPodmanKeepsNothingApart(t *testing.T) {
	e, connected := newEngine(t)
	e.old = true
	if got, err := connected.EnsureNetwork(t.Context(), "ecsrunner-test", nil); err != nil || got.Apart || got.Isolated || got.Gateway != "10.1.0.1" {
		t.Errorf("got %+v, %v", got, err)
	}
}

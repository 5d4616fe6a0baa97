package local

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/process"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

func TestADiskThatIsShort(t *testing.T) {
	left := map[string]uint64{"/data": 5 << 30, "/engine": 1 << 30}
	d := disks{paths: []string{"/data", "/gone", "/engine"}, keep: 2 << 30, free: func(path string) (uint64, error) {
		if n, ok := left[path]; ok {
			return n, nil
		}
		return 0, errors.New("there is no such disk")
	}}
	err := d.check()
	if !fleet.IsNamed(err, fleet.RunnerNoCapacity) || !strings.Contains(err.Error(), "/engine has 1.0 GiB free on its disk, and 2.0 GiB are kept free") {
		t.Errorf("with a disk that is short: %v", err)
	}
	left["/engine"] = 2 << 30
	if err := d.check(); err != nil {
		t.Errorf("with enough of both: %v", err)
	}
	left["/data"], d.keep = 0, 0
	if err := d.check(); err != nil {
		t.Errorf("when nothing is kept free: %v", err)
	}
}

func TestTheDiskOfThisMachineIsKnown(t *testing.T) {
	if n, err := freeOf(t.TempDir()); n == 0 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A launch that is repeated is the same task, however little is free by then.
func TestALaunchWaitsForTheDisk(t *testing.T) {
	left := uint64(1 << 30)
	runner, err := process.New(process.Config{Dir: t.TempDir(), Command: []string{"/bin/cat", "/dev/zero"}})
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := task.Open(t.Context(), task.Config{Dir: t.TempDir(), Runner: runner})
	if err != nil {
		t.Fatal(err)
	}
	killed, kill := context.WithCancel(context.Background())
	kill()
	defer ledger.Close(killed)
	p := platform{Ledger: ledger, kind: "a process", disks: disks{paths: []string{"/"}, keep: 2 << 30, free: func(string) (uint64, error) { return left, nil }}}
	launch := fleet.TaskLaunch{RunnerID: "test-7-1", ClientToken: "test-7-1.0"}
	if _, err := p.Launch(t.Context(), launch); !fleet.IsNamed(err, fleet.RunnerNoCapacity) || len(ledger.List("")) != 0 {
		t.Errorf("launched with a disk that is short: %v", err)
	}
	left = 3 << 30
	launched, err := p.Launch(t.Context(), launch)
	if err != nil {
		t.Fatal(err)
	}
	left = 0
	if again, err := p.Launch(t.Context(), launch); err != nil || again.ARN != launched.ARN {
		t.Errorf("launched again as %q, %v", again.ARN, err)
	}
}

func TestNeedsDisk(t *testing.T) {
	dir := t.TempDir()
	if err := NeedsDisk(dir, 1); err != nil {
		t.Error(err)
	}
	if err := NeedsDisk(dir, 1<<62); err == nil || !strings.Contains(err.Error(), "MiB are needed") {
		t.Errorf("with a disk that is too small: %v", err)
	}
	if err := NeedsDisk(dir+"/gone", 1<<62); err != nil {
		t.Error(err)
	}
}

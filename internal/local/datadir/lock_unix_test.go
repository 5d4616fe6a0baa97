//go:build unix

package datadir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// held is a data directory that somebody has locked, and which says that a process has.
func held(t *testing.T, pid int) (dir string, file *os.File) {
	t.Helper()
	dir = t.TempDir()
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := file.WriteString(strconv.Itoa(pid) + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := lock(file, true); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

func TestLockWaitsForTheChildrenOfADeadFleet(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	dir, file := held(t, ended.Process.Pid)
	waits := 0
	got, err := lockAfter(dir, func() {
		if waits++; waits == 3 {
			file.Close()
		}
	})
	if err != nil || waits != 3 {
		t.Fatalf("%v after %d pauses, want the lock after 3", err, waits)
	}
	got.Close()
}

func TestLockDoesNotWaitForAFleetThatLives(t *testing.T) {
	dir, _ := held(t, os.Getpid())
	_, err := lockAfter(dir, func() { t.Error("it waits") })
	if inUse := (InUse{}); !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("%v, want that process %d has it", err, os.Getpid())
	}
}

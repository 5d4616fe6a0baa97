// Package datadir is the data directory of a fleet on one machine: it makes the
// directory, and knows which process serves it.
//
// The operating system keeps the lock for the process, so a crash leaves nothing to clean
// up.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lockName is the file whose lock says that a fleet serves the data directory.
const lockName = "lock"

var errLocked = errors.New("another process has locked the file")

// InUse says that another process serves the data directory.
type InUse struct {
	Dir string
	PID int
}

func (e InUse) Error() string {
	return fmt.Sprintf("data directory %s is in use by another fleet (process %d): stop that one, or name another directory", e.Dir, e.PID)
}

// Lock takes the data directory for this process, until the file is closed.
// The operating system lets go of it however the process ends, but perhaps a moment later: a
// child that was being started has the lock, too, until its own program begins. It fails
// with InUse if another process has it.
func Lock(dir string) (*os.File, error) {
	return lockAfter(dir, func() { time.Sleep(pause) })
}

// How often, and after which pause, Lock tries again to lock what a dead process has locked.
const (
	tries = 100
	pause = 20 * time.Millisecond
)

func lockAfter(dir string, wait func()) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	err = lock(file, true)
	for n := 0; n < tries && errors.Is(err, errLocked) && isGone(readPID(file)); n++ {
		wait()
		err = lock(file, true)
	}
	if errors.Is(err, errLocked) {
		defer file.Close()
		return nil, InUse{Dir: dir, PID: readPID(file)}
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return file, nil
}

// IsServed reports whether a fleet process serves the data directory just now.
func IsServed(dir string) bool {
	file, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(lock(file, false), errLocked)
}

func readPID(file *os.File) int {
	text := make([]byte, 20)
	n, _ := file.ReadAt(text, 0) // a short read is the normal case
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}

//go:build unix

package entrypoint

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// mostLeft is how much of a pipe is read once the runner has exited: as much as it may
// hold (pipe(7): pipe-max-size). The entrypoint does not wait for what an orphan
// writes after that.
const mostLeft = 1 << 20

// pipe leads a process's output to an output.
type pipe struct {
	read, write *os.File
	done        chan struct{}
}

// newPipe starts to read. The process gets write, which is closed here by begun.
func newPipe(to *output) (*pipe, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the runner's output: %w", err)
	}
	p := &pipe{read: read, write: write, done: make(chan struct{})}
	go p.copy(to)
	return p, nil
}

// begun leaves the writing to the process, and to what it starts.
func (p *pipe) begun() { _ = p.write.Close() }

// end returns when it has copied everything that the process had written when it
// exited, even if another process still holds the other end.
func (p *pipe) end() {
	_ = p.read.SetReadDeadline(time.Unix(1, 0))
	<-p.done
	_ = p.read.Close()
}

func (p *pipe) copy(to *output) {
	defer close(p.done)
	defer to.End()
	part := make([]byte, 32<<10)
	for {
		n, err := p.read.Read(part)
		_, _ = to.Write(part[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.copyRest(to, part)
		}
		if err != nil {
			return
		}
	}
}

// copyRest reads what is there and does not wait.
func (p *pipe) copyRest(to *output, part []byte) {
	if p.read.SetReadDeadline(time.Time{}) != nil {
		return
	}
	raw, err := p.read.SyscallConn()
	if err != nil {
		return
	}
	for left := mostLeft; left > 0; {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			for n, err = syscall.Read(int(fd), part); err == syscall.EINTR; {
				n, err = syscall.Read(int(fd), part)
			}
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		_, _ = to.Write(part[:n])
		left -= n
	}
}

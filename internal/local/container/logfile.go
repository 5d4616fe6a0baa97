package container

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// copyLog writes a container's log from its beginning, until the container ends. It
// overwrites what an earlier process wrote of it.
func (w *watch) copyLog(ctx context.Context) error {
	if err := w.task.Log.Truncate(w.task.LogFrom); err != nil {
		return fmt.Errorf("begin the task's log: %w", err)
	}
	return w.copyTo(ctx, w.limit(w.task.Log), true)
}

// mendLog makes the log of an ended container equal to the engine's. Podman ends a
// followed log when the container ends, not when the log does, and leaves out lines of
// its last part. An engine whose log is shorter has dropped the oldest lines.
func (w *watch) mendLog(ctx context.Context) error {
	at := comparing{file: w.task.Log, from: w.task.LogFrom}
	if err := w.copyTo(ctx, w.limit(&at), false); err != nil {
		return err
	}
	has, err := w.task.Log.Seek(0, io.SeekEnd)
	if err != nil || at.total <= has-w.task.LogFrom {
		return err
	}
	if err := w.task.Log.Truncate(w.task.LogFrom + at.same); err != nil {
		return err
	}
	return w.copyTo(ctx, w.limit(&skipping{w: w.task.Log, left: at.same}), false)
}

func (w *watch) limit(to io.Writer) io.Writer {
	return &limited{w: to, left: w.cfg.MaxLog, limit: w.cfg.MaxLog, copied: &w.copied}
}

func (w *watch) copyTo(ctx context.Context, out io.Writer, follow bool) error {
	said, err := w.cfg.Engine.client.ContainerLogs(ctx, w.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow})
	if err != nil {
		return fmt.Errorf("read the container's log: %w", err)
	}
	defer said.Close()
	_, err = stdcopy.StdCopy(out, out, said)
	return err
}

// limited accepts everything, and writes no more than its limit and a line about it.
type limited struct {
	w           io.Writer
	left, limit int64
	cut         bool
	copied      *atomic.Int64 // bytes that came
}

func (o *limited) Write(p []byte) (int, error) {
	o.copied.Add(int64(len(p)))
	take := p[:min(int64(len(p)), o.left)]
	if _, err := o.w.Write(take); err != nil {
		return 0, err
	}
	o.left -= int64(len(take))
	if len(take) < len(p) && !o.cut {
		o.cut = true
		if _, err := fmt.Fprintf(o.w, "\necsrunner: the log was cut here: it is limited to %d bytes\n", o.limit); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// skipping drops the first bytes.
type skipping struct {
	w    io.Writer
	left int64
}

func (s *skipping) Write(p []byte) (int, error) {
	skip := min(int64(len(p)), s.left)
	s.left -= skip
	if skip == int64(len(p)) {
		return len(p), nil
	}
	n, err := s.w.Write(p[skip:])
	return int(skip) + n, err
}

// comparing counts what is written, and how much of its beginning a file has already.
type comparing struct {
	file        *os.File
	from        int64
	same, total int64
}

func (c *comparing) Write(p []byte) (int, error) {
	if c.same == c.total {
		has := make([]byte, len(p))
		n, err := c.file.ReadAt(has, c.from+c.same)
		if err != nil && err != io.EOF {
			return 0, err
		}
		c.same += int64(commonPrefix(has[:n], p))
	}
	c.total += int64(len(p))
	return len(p), nil
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

package container

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// copyLog writes all that a container says from its beginning, until it ends. What an
// earlier process has written of it is written over.
func (w *watch) copyLog(ctx context.Context) error {
	if err := w.task.Log.Truncate(w.task.LogFrom); err != nil {
		return fmt.Errorf("begin the task's log: %w", err)
	}
	said, err := w.cfg.Engine.client.ContainerLogs(ctx, w.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return fmt.Errorf("read the container's log: %w", err)
	}
	defer said.Close()
	out := &limited{w: w.task.Log, left: w.cfg.MaxLog, limit: w.cfg.MaxLog}
	_, err = stdcopy.StdCopy(out, out, said)
	return err
}

// limited takes everything, and writes no more than its limit and a line about it.
type limited struct {
	w           io.Writer
	left, limit int64
	cut         bool
}

func (o *limited) Write(p []byte) (int, error) {
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

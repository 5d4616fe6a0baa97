package container

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/process"
)

// logFile is a runner's log. A task's part of it begins where the one before ended.
type logFile struct {
	file  *os.File
	limit int64
}

func openLog(dir, runnerID string, limit int64) (*logFile, error) {
	path, err := process.LogPath(dir, runnerID)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &logFile{file: file, limit: limit}, nil
}

func (f *logFile) Close() error { return f.file.Close() }

func (f *logFile) end() (int64, error) { return f.file.Seek(0, io.SeekEnd) }

// copyLog writes all that a container says from its beginning, until it ends. What a
// launcher before has written of it is written over.
func (l *Launcher) copyLog(ctx context.Context, id string, from int64, log *logFile) error {
	if err := log.file.Truncate(from); err != nil {
		return fmt.Errorf("begin the task's log: %w", err)
	}
	if _, err := log.file.Seek(from, io.SeekStart); err != nil {
		return fmt.Errorf("begin the task's log: %w", err)
	}
	said, err := l.cfg.Engine.client.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return fmt.Errorf("read the container's log: %w", err)
	}
	defer said.Close()
	out := &limited{w: log.file, left: log.limit, limit: log.limit}
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

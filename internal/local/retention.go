package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// forgetEvery is how often old records and logs are looked for.
const forgetEvery = time.Hour

// forget deletes records and logs that are older than the configured limits. What it
// leaves for now is deleted the next time.
func (f *Fleet) forget(ctx context.Context, now time.Time) error {
	var failed []error
	if f.cfg.KeepRecords > 0 {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = f.store.Forget(ctx, now.Add(-f.cfg.KeepRecords)); err != nil {
				failed = append(failed, err)
			}
		}
	}
	if f.cfg.KeepLogs > 0 {
		open, err := f.store.OpenRunners(ctx)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		keep := map[string]bool{}
		for _, r := range open {
			keep[r.RunnerID+".log"] = true
		}
		for _, dir := range []string{task.LogsDir, buildsDir} {
			failed = append(failed, removeLogs(filepath.Join(f.cfg.DataDir, dir), now.Add(-f.cfg.KeepLogs), keep))
		}
	}
	return errors.Join(failed...)
}

// removeLogs deletes the logs of a folder to which nothing was written since a time.
func removeLogs(dir string, before time.Time, keep map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for old logs: %w", err)
	}
	var failed []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || keep[entry.Name()] || !strings.HasSuffix(entry.Name(), ".log") || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("remove an old log: %w", err))
		}
	}
	return errors.Join(failed...)
}

package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unreadable is the suffix of a record that was put aside.
const unreadable = ".unreadable"

// recall finds the tasks of an earlier ledger by their records, and those without a
// usable record by their marks. It clears what is left of others.
func (l *Ledger) recall(ctx context.Context) error {
	if err := l.recallRecords(); err != nil {
		return fmt.Errorf("recall earlier tasks: %w", err)
	}
	marked, err := l.cfg.Runner.Marked(ctx)
	if err != nil {
		return fmt.Errorf("recall earlier tasks: %w", err)
	}
	recorded := map[string]bool{}
	for id := range l.latest {
		recorded[id] = true // a runner's earlier tasks have stopped
	}
	for _, m := range marked {
		if m.Valid() && !recorded[m.RunnerID] {
			l.know(remember(l.kind.pending(m, l.cfg.Now())))
		}
	}
	var open []Mark
	for _, e := range l.tasks {
		if !e.stopped() {
			open = append(open, e.mark())
		}
	}
	if err := l.cfg.Runner.Clear(ctx, open); err != nil {
		l.problem("clear what is left of earlier tasks: %w", err)
	}
	return nil
}

// recallRecords reads all records, and puts aside those that cannot be used.
func (l *Ledger) recallRecords() error {
	dir := filepath.Join(l.cfg.Dir, string(l.kind))
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	now := l.cfg.Now()
	for _, file := range files {
		path := filepath.Join(dir, file.Name())
		id, isRecord := strings.CutSuffix(file.Name(), ".json")
		switch {
		case strings.HasSuffix(path, unfinished):
			_ = os.Remove(path) // or the next record of this runner replaces it
			continue
		case !isRecord || CheckRunnerID(id) != nil:
			continue
		}
		r, err := l.kind.read(path, id)
		switch {
		case err != nil:
			l.problem("put aside the record %s, which cannot be used: %w", path, err)
			if err := os.Rename(path, path+unreadable); err != nil {
				l.problem("put aside a record: %w", err)
			}
		case r.outdated(now):
			_ = os.Remove(path)
		default:
			l.know(remember(r))
		}
	}
	return nil
}

func (l *Ledger) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

// Resume takes over the tasks of an earlier ledger that was killed. A task that runs is
// notified as RUNNING and goes on as if this ledger had launched it; the exit code of a
// process is lost. A task that is gone is cleared up and notified as STOPPED, and so is
// a task whose STOPPED may not have been notified. Resume returns at once, and does
// nothing when it is called again. Its error says what the earlier ledger left that
// could not be used; everything else is taken over all the same.
//
// On macOS, a process is not found by its mark: a process whose record cannot be used,
// or that was started but not recorded when the fleet was killed, is left alone and
// runs on.
func (l *Ledger) Resume() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	for _, e := range l.tasks {
		if !e.lives {
			e.lives = true
			l.work.Go(func() { l.liveOn(e) })
		}
	}
	problems := l.problems
	l.problems = nil
	return errors.Join(problems...)
}

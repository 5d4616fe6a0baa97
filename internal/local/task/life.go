package task

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// live is a task's life. Each task has one goroutine for it, so its changes are
// notified in order.
func (l *Ledger) live(e *entry) {
	defer e.end()
	log, from, err := l.openLog(e)
	defer func() { _ = log.Close() }()
	// There is a record before there is a task.
	if err = errors.Join(err, l.change(e, func(r *Record) { r.LogFrom = from })); err != nil {
		l.warnIf(e, l.stopped(e, NotStarted(fmt.Errorf("%s: %w", ResourceInitialization, err))))
		return
	}
	handle, err := l.cfg.Runner.Start(l.ctx, e.task(log))
	switch {
	case l.ctx.Err() != nil:
	case err != nil:
		l.warnIf(e, l.stopped(e, NotStarted(err)))
	default:
		l.follow(e, handle, true)
	}
}

// liveOn is the rest of the life of a task that another ledger launched.
func (l *Ledger) liveOn(e *entry) {
	defer e.end()
	if e.stopped() {
		l.warnIf(e, l.change(e, nothing))
		l.told(e)
		return
	}
	log, _, err := l.openLog(e)
	defer func() { _ = log.Close() }()
	l.warnIf(e, err)
	handle, runs := l.cfg.Runner.Adopt(l.ctx, e.task(log))
	l.follow(e, handle, runs)
}

// follow watches a task until nothing of it is left, or until this ledger leaves it to
// the next one.
func (l *Ledger) follow(e *entry, handle Handle, runs bool) {
	if runs {
		l.runs(e, handle.Process())
	}
	end, err := handle.Wait(l.ctx)
	if err != nil {
		return
	}
	if err = l.stopped(e, end); err == nil {
		err = handle.Clear(l.ctx)
	}
	l.warnIf(e, err)
}

// openLog continues the runner's log, if there is one, and returns where it ended.
func (l *Ledger) openLog(e *entry) (log *os.File, end int64, err error) {
	path, err := LogPath(l.cfg.Dir, e.spec.RunnerID)
	if err != nil {
		return nil, 0, err
	}
	if log, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err == nil {
		end, err = log.Seek(0, io.SeekEnd)
	}
	if err != nil {
		err = fmt.Errorf("open the log: %w", err)
	}
	return log, end, err
}

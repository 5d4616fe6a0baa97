//go:build unix

package process

import (
	"context"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// session is the processes of one task.
type session struct {
	cfg  Config
	task task.Task
	work string // its directory
	lead leader
	log  *logFile
}

func (r *Runner) session(t task.Task) *session {
	return &session{cfg: r.cfg, task: t, work: r.workDir(t.RunnerID), log: &logFile{file: t.Log, limit: r.cfg.MaxLog}}
}

func (s *session) Process() task.Process {
	return task.Process{PID: s.lead.pid, StartTime: s.lead.start}
}

// Wait returns when the leader has exited and the rest of the session is gone. Nothing of
// the task but the log is left then.
func (s *session) Wait(ctx context.Context) (task.Ending, error) {
	if s.lead.seen {
		if err := s.supervise(ctx); err != nil {
			return task.Ending{}, err
		}
	}
	s.endLeftovers()
	s.log.trim()
	removeWorkDir(s.work, s.log)
	switch {
	case s.lead.child != nil:
		return task.Exited(s.lead.exitCode(), ""), nil
	case s.lead.seen:
		return task.Exited(nil, "its exit code is not known, because the fleet was restarted while it ran"), nil
	}
	return s.task.Gone("its exit code is not known, because it ended while the fleet was down"), nil
}

func (s *session) Clear(context.Context) error { return nil }

// supervise returns when the leader has exited, or fails when ctx ends.
func (s *session) supervise(ctx context.Context) error {
	exited := s.lead.exited(s.cfg.After)
	stopping, killing := s.task.Stopping.Done(), s.task.Killing.Done()
	var overdue <-chan time.Time
	kill := func() {
		stopping, killing, overdue = nil, nil, nil
		s.signal(syscall.SIGKILL)
	}
	for {
		select {
		case <-exited:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-stopping:
			stopping = nil
			s.lead.signalGroup(syscall.SIGTERM)
			overdue = s.cfg.After(s.cfg.Grace)
		case <-overdue:
			s.log.say("the task did not end within %s of SIGTERM: killed", s.cfg.Grace)
			kill()
		case <-killing:
			s.log.say("the task was killed before its grace of %s ended", s.cfg.Grace)
			kill()
		case <-s.cfg.After(trimInterval):
			s.log.trim()
		}
	}
}

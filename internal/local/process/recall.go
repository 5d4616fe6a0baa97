package process

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// unreadable is the suffix of a record that was put aside.
const unreadable = ".unreadable"

// recall gets to know the tasks of an earlier launcher, and clears what that one
// left of others. It fails only if the directories cannot be read.
func (l *Launcher) recall() error {
	unknown, err := l.recallRecords()
	if err != nil {
		return fmt.Errorf("recall earlier tasks: %w", err)
	}
	entries, err := os.ReadDir(filepath.Join(l.cfg.Dir, runnersDir))
	if err != nil {
		return fmt.Errorf("recall earlier tasks: %w", err)
	}
	for _, entry := range entries {
		unknown[entry.Name()] = true
	}
	for _, id := range slices.Sorted(maps.Keys(unknown)) {
		if checkRunnerID(id) == nil {
			l.recallByMark(id)
		}
	}
	return nil
}

// recallRecords reads all records. It returns the runner ids of those that it
// had to put aside.
func (l *Launcher) recallRecords() (unknown map[string]bool, err error) {
	dir := filepath.Join(l.cfg.Dir, tasksDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	unknown = map[string]bool{}
	now := l.cfg.Now()
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		id, isRecord := strings.CutSuffix(entry.Name(), ".json")
		switch {
		case strings.HasSuffix(path, unfinished):
			_ = os.Remove(path) // or the next record of this runner replaces it
			continue
		case !isRecord || checkRunnerID(id) != nil:
			continue
		}
		r, err := readRecord(path, id)
		switch {
		case err != nil:
			unknown[id] = true
			l.problem("put aside the record %s, which cannot be used: %w", path, err)
			if err := os.Rename(path, path+unreadable); err != nil {
				l.problem("put aside a record: %w", err)
			}
		case outdated(r.Task, now):
			_ = os.Remove(path)
		default:
			l.know(r.remember())
		}
	}
	return unknown, nil
}

// remember makes a task of a record.
func (r record) remember() *task {
	t := newTask(Spec{RunnerID: r.Task.StartedBy, ClientToken: r.ClientToken}, r.Task)
	t.parameters, t.stopTold = r.Parameters, r.StopTold
	t.leader = leader{pid: r.PID, start: r.StartTime}
	if r.Task.DesiredStatus == fleet.TaskStopped {
		t.stop()
	}
	if t.stopTold {
		t.lives = true // as much as it ever will
		t.end()
	}
	return t
}

// recallByMark is for a runner of which there is a work directory, or a record
// that cannot be used. If a process of its task is found, the task is known, but
// not its client token. Otherwise nothing of it is left.
func (l *Launcher) recallByMark(id string) {
	work := l.workDir(id)
	last := l.latest[id]
	if last != nil && last.state.LastStatus != fleet.TaskStopped {
		return // whoever takes it over clears up
	}
	if arn, found := findTask(id, work); found && last == nil {
		l.know(newTask(Spec{RunnerID: id}, pending(arn, id, l.cfg.Now())))
		return
	}
	if err := removeTree(work); err != nil {
		l.problem("remove the work directory of a runner without a task: %w", err)
	}
}

func (l *Launcher) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

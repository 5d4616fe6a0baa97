//go:build unix

package process

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

func TestProcessesAreTasks(t *testing.T) {
	tasktest.Run(t, func(t *testing.T) tasktest.Machine { return machine{newMachine(t, nil)} })
}

// machine is a rig as the suite asks for it.
type machine struct{ rig *rig }

func (m machine) Dir() string              { return m.rig.cfg.Dir }
func (m machine) Runner() task.Runner      { return m.rig.Runner }
func (m machine) Spec(id string) task.Spec { return spec(id, "wait "+id) }
func (m machine) FindsMarks() bool         { return findsDaemons }
func (m machine) KeepsExitCodes() bool     { return false }

func (m machine) KillFleet(point tasktest.Point, runnerIDs ...string) {
	m.rig.t.Helper()
	var tasks []string
	for _, id := range runnerIDs {
		tasks = append(tasks, "wait "+id)
	}
	kill := m.rig.startFleet(point, strings.Join(tasks, ","))
	if point == tasktest.Stopped || point == tasktest.Done {
		for _, id := range runnerIDs {
			m.Exit(id, 7)
		}
	}
	kill()
}

func (m machine) Exit(id string, code int) {
	m.rig.t.Helper()
	child := m.rig.meet("wait " + id)
	fmt.Fprintln(child, code)
	child.awaitDeath(m.rig.t)
	delete(m.rig.children, "wait "+id)
}

func (m machine) Remains(id string) string {
	if _, err := os.Lstat(m.rig.workDir(id)); !os.IsNotExist(err) {
		return fmt.Sprintf("the work directory of %s (%v)", id, err)
	}
	if r := m.rig.record(id); r.PID != 0 && alive(r.PID, r.StartTime) {
		return fmt.Sprintf("process %d of %s", r.PID, id)
	}
	return ""
}

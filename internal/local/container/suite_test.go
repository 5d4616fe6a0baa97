package container_test

import (
	"fmt"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

func TestContainersAreTasks(t *testing.T) {
	tasktest.Run(t, func(t *testing.T) tasktest.Machine {
		e, cfg := newConfig(t)
		return machine{t: t, engine: e, cfg: cfg}
	})
}

// machine is an engine as the suite asks for it.
type machine struct {
	t      *testing.T
	engine *engine
	cfg    container.Config
}

func (m machine) Dir() string          { return m.cfg.Dir }
func (m machine) FindsMarks() bool     { return true }
func (m machine) KeepsExitCodes() bool { return true }

func (m machine) Runner() task.Runner {
	r, err := container.New(m.cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

func (m machine) Spec(id string) task.Spec {
	return task.Spec{RunnerID: id, ClientToken: id + ".0", Image: "sha256:image", CPU: 512, Memory: 1024, Env: map[string]string{"CLAIM_TOKEN": "once"}}
}

func (m machine) KillFleet(point tasktest.Point, runnerIDs ...string) {
	m.t.Helper()
	var specs []task.Spec
	for _, id := range runnerIDs {
		specs = append(specs, m.Spec(id))
	}
	fleets, failed := make(chan *tasktest.Fleet, 1), make(chan error, 1)
	go func() {
		failed <- tasktest.Play(task.Config{Dir: m.Dir(), Runner: m.Runner()}, specs, point, func(f *tasktest.Fleet) { fleets <- f })
	}()
	if point == tasktest.Stopped || point == tasktest.Done {
		for _, id := range runnerIDs {
			m.Exit(id, 7)
		}
	}
	select {
	case f := <-fleets:
		f.Kill()
	case err := <-failed:
		m.t.Fatal(err)
	}
}

func (m machine) Exit(id string, code int) {
	m.engine.await(func() bool { return m.engine.runs(id) != nil })
	m.engine.change(func() { m.engine.runs(id).exits(code) })
}

func (m machine) Remains(id string) string {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	for _, b := range m.engine.containers {
		if b.Labels["ecsrunner.runner-id"] == id {
			return fmt.Sprintf("the container %+v", b)
		}
	}
	return ""
}

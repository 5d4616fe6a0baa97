package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
)

// tell writes what became of every run, in the words of `ecsrunner runs show`.
func (w *World) tell(to io.Writer) error {
	w.Table.Call = func(_ string, effect func() error) error { return effect() }
	src := source{w.Table, w.engine}
	for _, run := range w.Table.AllRuns() {
		details, err := report.ShowRun(w.ctx(), src, run.RunID, w.k.Now())
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(to); err != nil {
			return err
		}
		if err := readable.RunDetails(to, details, time.UTC); err != nil {
			return err
		}
	}
	return nil
}

// source is the world as package report reads it.
type source struct {
	*table.Store
	engine *engine.Engine
}

func (s source) Execution(ctx context.Context, name string) (engine.Execution, bool, error) {
	e, err := s.engine.Describe(ctx, name)
	if errors.Is(err, engine.ErrExecutionDoesNotExist) {
		return e, false, nil
	}
	return e, err == nil, err
}

func (s source) ExecutionList(ctx context.Context, limit int) ([]engine.Execution, error) {
	return s.engine.List(ctx, "", limit)
}

func (s source) History(ctx context.Context, name string) ([]engine.Event, error) {
	return s.engine.History(ctx, name)
}

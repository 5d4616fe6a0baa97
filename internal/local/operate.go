package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// Terminate asks the fleet that serves dir to terminate a runner. One that is not
// known, or has a job and is not forced, is an error that says so.
func Terminate(ctx context.Context, dir, runnerID string, force bool) (operate.TerminateResult, error) {
	var answered struct {
		operate.TerminateResult
		failure
	}
	target := fmt.Sprintf("/runners/%s/terminate?force=%t", url.PathEscape(runnerID), force)
	err := ask(ctx, dir, target, nil, func(_ int, body io.Reader) error { return decode(body, &answered) })
	switch {
	case err != nil:
	case answered.Error != "":
		err = errors.New(answered.Error)
	case !answered.Done():
		err = fmt.Errorf("terminate runner %s: %s", runnerID, answered.Message)
	}
	return answered.TerminateResult, err
}

// Pause pauses the fleet of a data directory, whether or not it runs just now.
func Pause(ctx context.Context, dir, reason string) (operate.PauseResult, error) {
	return change(ctx, dir, "/pause", pauseRequest{reason}, func(o operate.Operator) (operate.PauseResult, error) {
		return o.Pause(ctx, reason)
	})
}

// Resume resumes the fleet of a data directory. One that does not run launches what
// waits when it is started.
func Resume(ctx context.Context, dir string) (operate.ResumeResult, error) {
	return change(ctx, dir, "/resume", nil, func(o operate.Operator) (operate.ResumeResult, error) { return o.Resume(ctx) })
}

// Retry has a run of the fleet of a data directory tried now. A fleet that does not run
// tries it when it is started.
func Retry(ctx context.Context, dir, runID string) (operate.RetryResult, error) {
	return change(ctx, dir, "/runs/"+url.PathEscape(runID)+"/retry", nil, func(o operate.Operator) (operate.RetryResult, error) {
		return o.Retry(ctx, runID)
	})
}

// change asks the fleet that serves dir, or changes the records itself if there is
// none: then it holds the lock meanwhile.
func change[T any](ctx context.Context, dir, target string, request any, otherwise func(operate.Operator) (T, error)) (result T, err error) {
	var answered struct {
		Result T `json:"result"`
		failure
	}
	err = ask(ctx, dir, target, request, func(_ int, body io.Reader) error { return decode(body, &answered) })
	switch {
	case err == nil && answered.Error != "":
		return result, errors.New(answered.Error)
	case !errors.Is(err, ErrNotRunning):
		return answered.Result, err
	}
	lock, err := datadir.Lock(dir)
	if err != nil {
		return result, err
	}
	defer lock.Close()
	store, err := sqlite.Open(ctx, filepath.Join(dir, sqlite.FileName))
	if err != nil {
		return result, err
	}
	defer store.Close()
	settings, err := store.Settings(ctx)
	if err != nil {
		return result, err
	}
	return otherwise(operate.Operator{
		Fleet:   lifecycle.Fleet{Name: settings.FleetName, Records: store, Now: time.Now, Log: slog.New(slog.DiscardHandler)},
		Records: store, Bus: nobody{}, Images: store, Cursors: store, NewID: rand.Text,
	})
}

// nobody is the bus of a fleet that does not run.
type nobody struct{}

func (nobody) Put(context.Context, fleet.Event) error { return nil }

// Drain drains the fleet that serves dir; see operate.Operator.Drain. progress hears
// one line per action. It needs a fleet that runs: one that does not has no runners
// of which anybody could tell whether they have a job.
func Drain(ctx context.Context, dir string, now bool, progress func(line string)) (result operate.DrainResult, err error) {
	err = ask(ctx, dir, fmt.Sprintf("/drain?now=%t", now), nil, func(_ int, body io.Reader) error {
		lines := json.NewDecoder(body)
		for {
			var line drainLine
			if err := lines.Decode(&line); err != nil {
				return fmt.Errorf("read the fleet's answer: %w", err)
			}
			switch {
			case line.Error != "":
				return errors.New(line.Error)
			case line.Result != nil:
				result = *line.Result
				return nil
			}
			progress(line.Progress)
		}
	})
	return result, err
}

type failure struct {
	Error string `json:"error,omitempty"`
}

type pauseRequest struct {
	Reason string `json:"reason"`
}

// drainLine is a line of the answer to a drain. The last one has the result or an
// error.
type drainLine struct {
	Progress string               `json:"progress,omitempty"`
	Result   *operate.DrainResult `json:"result,omitempty"`
	failure
}

// operator operates this fleet.
func (f *Fleet) operator() operate.Operator {
	o := operate.Operator{
		Fleet: f.lifecycle, Repositories: f.cfg.Policy.Repositories,
		Records: f.store, GitHub: f.github, Bus: f.bus, Executions: allExecutions{f.engine}, Platform: f.platform,
		Images: f.images(), Cursors: f.store,
		NewID: rand.Text, Wait: wait,
	}
	if f.builder != nil {
		o.Builds, o.Registry = f.builder, f.builder
	}
	return o
}

// wait looks again sooner than on AWS: a process ends sooner than a task.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// allExecutions are the engine's as an operator sees them.
type allExecutions struct{ engine *engine.Engine }

func (e allExecutions) Running(ctx context.Context) (names []string, err error) {
	running, err := e.engine.List(ctx, engine.Running, 0)
	for _, execution := range running {
		names = append(names, execution.Name)
	}
	return names, err
}

func (e allExecutions) Stop(ctx context.Context, name, cause string) error {
	err := e.engine.Stop(ctx, name, fleet.RunnerNotWanted, cause)
	if errors.Is(err, engine.ErrExecutionDoesNotExist) {
		return nil
	}
	return err
}

func (f *Fleet) serveTerminate(w http.ResponseWriter, r *http.Request) {
	force := r.URL.Query().Get("force") == "true"
	result, err := f.operator().Terminate(r.Context(), r.PathValue("id"), force)
	if err != nil {
		answer(w, http.StatusInternalServerError, failure{err.Error()})
		return
	}
	answer(w, http.StatusOK, result)
}

func (f *Fleet) servePause(w http.ResponseWriter, r *http.Request) {
	var request pauseRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(&request); err != nil || request.Reason == "" {
		answer(w, http.StatusBadRequest, failure{"pause the fleet: a reason is needed"})
		return
	}
	result, err := f.operator().Pause(r.Context(), request.Reason)
	answerWith(w, result, err)
}

func (f *Fleet) serveResume(w http.ResponseWriter, r *http.Request) {
	result, err := f.operator().Resume(r.Context())
	answerWith(w, result, err)
}

func (f *Fleet) serveRetry(w http.ResponseWriter, r *http.Request) {
	result, err := f.operator().Retry(r.Context(), r.PathValue("id"))
	answerWith(w, result, err)
}

func answerWith(w http.ResponseWriter, result any, err error) {
	if err != nil {
		answer(w, http.StatusInternalServerError, failure{err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"result": result})
}

// serveDrain answers line by line. Who hangs up ends the drain; the fleet stays
// paused.
func (f *Fleet) serveDrain(w http.ResponseWriter, r *http.Request) {
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	tell := func(line drainLine) {
		_ = lines.Encode(line) // the client is gone: the context tells
		_ = flush.Flush()
	}
	result, err := f.operator().Drain(r.Context(), r.URL.Query().Get("now") == "true", func(line string) { tell(drainLine{Progress: line}) })
	if err != nil {
		tell(drainLine{failure: failure{err.Error()}})
		return
	}
	tell(drainLine{Result: &result})
}

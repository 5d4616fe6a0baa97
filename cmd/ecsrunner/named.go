package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

// runIDOf is the run that is named by its job's URL or id or by its runner, or else the text
// as it is. A URL that is of another job than the record with its id is refused.
func (s *source) runIDOf(ctx context.Context, text string) (runID string, err error) {
	subject, err := why.ParseSubject(text)
	switch {
	case err != nil:
		return text, noURL(text, err)
	case subject.RunnerID == "" && subject.Host == "":
		return subject.RunID(), nil
	}
	return runID, s.read(ctx, func(f *opened) error {
		runID, err = runIDIn(ctx, f, subject)
		return err
	})
}

func runIDIn(ctx context.Context, f *opened, subject why.Subject) (string, error) {
	if subject.RunnerID != "" {
		runner, err := report.ShowRunner(ctx, f.records, subject.RunnerID)
		return runner.RunShown(), err
	}
	run, known, err := f.records.Run(ctx, subject.RunID())
	if err != nil || !known {
		return subject.RunID(), err
	}
	if differs := subject.Differs(run.Job); differs != "" {
		return "", fmt.Errorf("%s: ask the fleet that serves the URL, or name %s if that is the job that you mean", differs, run.RunID)
	}
	return run.RunID, nil
}

// runnerIDOf is the runner that is named by its id, by its name on GitHub, or by the job that
// it has, had or is to take; or else the text as it is.
func (s *source) runnerIDOf(ctx context.Context, text string) (runnerID string, err error) {
	switch subject, err := why.ParseSubject(text); {
	case err != nil:
		return text, noURL(text, err)
	case subject.RunnerID != "":
		return subject.RunnerID, nil
	}
	return runnerID, s.read(ctx, func(f *opened) error {
		runnerID, err = runnerIDIn(ctx, f, text)
		return err
	})
}

func runnerIDIn(ctx context.Context, f *opened, text string) (string, error) {
	subject, err := why.ParseSubject(text)
	switch {
	case err != nil:
		return text, noURL(text, err)
	case subject.RunnerID != "":
		return subject.RunnerID, nil
	}
	runID, err := runIDIn(ctx, f, subject)
	if err != nil {
		return "", err
	}
	run, known, err := f.records.Run(ctx, runID)
	switch {
	case err != nil:
		return "", err
	case !known:
		return "", report.NotFound{What: "run", ID: runID}
	case report.RunnerOf(run) == "":
		return "", fmt.Errorf("run %s has no runner yet: `ecsrunner why %s` says what it waits for", runID, runID)
	}
	return report.RunnerOf(run), nil
}

// noURL refuses a URL that names no job, which a list of ids would not help with. Another
// text may be an id that the fleet does not have.
func noURL(text string, err error) error {
	if strings.Contains(text, "/") {
		return usagef("%q: %w", text, err)
	}
	return nil
}

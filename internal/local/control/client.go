package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Client is the operate.Fleet of a data directory. What only a running fleet can do
// fails with ErrNotRunning if none runs.
type Client struct {
	Dir string // data directory
}

// Pause pauses the fleet, whether or not it runs just now.
func (c Client) Pause(ctx context.Context, reason string) (operate.PauseResult, error) {
	return change(ctx, c, "/pause", pauseRequest{reason}, func(o operate.Operator) (operate.PauseResult, error) {
		return o.Pause(ctx, reason)
	})
}

// Resume resumes the fleet. A fleet that does not run launches the waiting runs when it
// starts.
func (c Client) Resume(ctx context.Context) (operate.ResumeResult, error) {
	return change(ctx, c, "/resume", nil, func(o operate.Operator) (operate.ResumeResult, error) { return o.Resume(ctx) })
}

// Retry makes the fleet try a run now. A fleet that does not run tries it when it
// starts.
func (c Client) Retry(ctx context.Context, runID string) (operate.RetryResult, error) {
	return change(ctx, c, "/runs/"+url.PathEscape(runID)+"/retry", nil, func(o operate.Operator) (operate.RetryResult, error) {
		return o.Retry(ctx, runID)
	})
}

// RefreshImages brings the images up to date. A fleet that does not run does so when it
// starts.
func (c Client) RefreshImages(ctx context.Context, all bool) (operate.RefreshResult, error) {
	return change(ctx, c, fmt.Sprintf("/images/refresh?all=%t", all), nil, func(o operate.Operator) (operate.RefreshResult, error) {
		return o.RefreshImages(ctx, all)
	})
}

// BuildImage asks for the next revision of an image, and returns the image's record
// from before that. A fleet that does not run builds nothing.
func (c Client) BuildImage(ctx context.Context, spec fleet.ImageSpec) (fleet.ImageRecord, error) {
	return askFor[fleet.ImageRecord](ctx, c, "/images/build", spec)
}

// RemoveImage makes the fleet delete an image. A fleet that does not run deletes
// nothing.
func (c Client) RemoveImage(ctx context.Context, tag string) (fleet.ImageRecord, error) {
	return askFor[fleet.ImageRecord](ctx, c, "/images/"+url.PathEscape(tag)+"/remove", nil)
}

// Terminate makes the fleet end a runner; see operate.Operator.Terminate. A fleet that
// does not run has no runners.
func (c Client) Terminate(ctx context.Context, runnerID string, force bool) (operate.TerminateResult, error) {
	var answer terminated
	target := fmt.Sprintf("/runners/%s/terminate?force=%t", url.PathEscape(runnerID), force)
	err := c.ask(ctx, target, nil, func(body io.Reader) error { return decode(body, &answer) })
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer.TerminateResult, err
}

// Drain drains the fleet; see operate.Operator.Drain. It needs a running fleet: only
// that knows which of its runners have a job.
func (c Client) Drain(ctx context.Context, now bool, progress func(line string)) (result operate.DrainResult, err error) {
	err = c.ask(ctx, fmt.Sprintf("/drain?now=%t", now), nil, func(body io.Reader) error {
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

// Doctor has the fleet look at its set-up, which only its process knows the secrets of. It
// fails with ErrNotRunning if it does not run.
func (c Client) Doctor(ctx context.Context, asked Examination) (doctor.Report, error) {
	return askFor[doctor.Report](ctx, c, "/doctor", asked)
}

// Health asks the fleet for its health. It fails with ErrNotRunning if the fleet does
// not run.
func (c Client) Health(ctx context.Context) (h report.Health, err error) {
	err = c.ask(ctx, "/health", nil, func(body io.Reader) error { return decode(body, &h) })
	return h, err
}

// change asks the running fleet, or changes the records if none runs.
func change[T any](ctx context.Context, c Client, target string, request any, otherwise func(operate.Operator) (T, error)) (T, error) {
	result, err := askFor[T](ctx, c, target, request)
	if !errors.Is(err, ErrNotRunning) {
		return result, err
	}
	o, done, err := ofRecords(ctx, c.Dir)
	if err != nil {
		return result, err
	}
	defer done()
	return otherwise(o)
}

// askFor asks the fleet for a result.
func askFor[T any](ctx context.Context, c Client, target string, request any) (T, error) {
	var answer answered[T]
	err := c.ask(ctx, target, request, func(body io.Reader) error { return decode(body, &answer) })
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer.Result, err
}

// ask sends a request to the fleet and hands its answer over. It fails with ErrNotRunning
// if no fleet runs.
func (c Client) ask(ctx context.Context, target string, request any, read func(body io.Reader) error) error {
	addr, err := os.ReadFile(filepath.Join(c.Dir, addrName))
	if err != nil || !datadir.IsServed(c.Dir) {
		return ErrNotRunning
	}
	socket := strings.TrimSpace(string(addr))
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	text, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode what is asked of the fleet: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://fleet"+target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the fleet: %w", err)
	}
	defer resp.Body.Close()
	return read(resp.Body)
}

// decode reads an answer.
func decode(body io.Reader, into any) error {
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read the fleet's answer: %w", err)
	}
	return nil
}

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
func (c Client) Pause(ctx context.Context, by fleet.Operator) (operate.PauseResult, error) {
	return change(ctx, c, target("/pause", by), pauseRequest{by.Reason}, by, operate.Operator.Pause)
}

// Resume resumes the fleet. A fleet that does not run launches the waiting runs when it
// starts.
func (c Client) Resume(ctx context.Context, by fleet.Operator) (operate.ResumeResult, error) {
	return change(ctx, c, target("/resume", by), nil, by, operate.Operator.Resume)
}

// Retry makes the fleet try a run now. A fleet that does not run tries it when it
// starts.
func (c Client) Retry(ctx context.Context, runID string, by fleet.Operator) (operate.RetryResult, error) {
	return change(ctx, c, target("/runs/"+url.PathEscape(runID)+"/retry", by), nil, by, func(o operate.Operator, ctx context.Context, by fleet.Operator) (operate.RetryResult, error) {
		return o.Retry(ctx, runID, by)
	})
}

// RefreshImages brings the images up to date. A fleet that does not run asks and builds
// nothing.
func (c Client) RefreshImages(ctx context.Context, all bool, by fleet.Operator) (operate.RefreshResult, error) {
	return askFor[operate.RefreshResult](ctx, c, target("/images/refresh", by, "all", fmt.Sprint(all)), nil)
}

// BuildImage asks for the next revision of an image, and returns the image's record
// from before that. A fleet that does not run builds nothing.
func (c Client) BuildImage(ctx context.Context, spec fleet.ImageSpec, by fleet.Operator) (fleet.ImageRecord, error) {
	return askFor[fleet.ImageRecord](ctx, c, target("/images/build", by), spec)
}

// RemoveImage makes the fleet delete an image. A fleet that does not run deletes
// nothing.
func (c Client) RemoveImage(ctx context.Context, tag string, by fleet.Operator) (fleet.ImageRecord, error) {
	return askFor[fleet.ImageRecord](ctx, c, target("/images/"+url.PathEscape(tag)+"/remove", by), nil)
}

// Terminate makes the fleet end a runner; see operate.Operator.Terminate. A fleet that
// does not run has no runners.
func (c Client) Terminate(ctx context.Context, runnerID string, force bool, by fleet.Operator) (operate.TerminateResult, error) {
	var answer terminated
	err := c.ask(ctx, target("/runners/"+url.PathEscape(runnerID)+"/terminate", by, "force", fmt.Sprint(force)), nil, func(body io.Reader) error { return decode(body, &answer) })
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer.TerminateResult, err
}

// PlanDrain says what a drain would take away. It needs a running fleet.
func (c Client) PlanDrain(ctx context.Context, now bool) (operate.DrainPlan, error) {
	return askFor[operate.DrainPlan](ctx, c, target("/drain/plan", fleet.Operator{}, "now", fmt.Sprint(now)), nil)
}

// Drain drains the fleet; see operate.Operator.Drain. It needs a running fleet: only
// that knows which of its runners have a job.
func (c Client) Drain(ctx context.Context, now bool, by fleet.Operator, progress func(line string)) (result operate.DrainResult, err error) {
	err = c.ask(ctx, target("/drain", by, "now", fmt.Sprint(now)), nil, func(body io.Reader) error {
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

// target is a path with the operator's reason, and with pairs of further parameters. Who the
// operator is, the fleet asks the system.
func target(path string, by fleet.Operator, pairs ...string) string {
	query := url.Values{}
	if by.Reason != "" {
		query.Set(reasonParam, fleet.Clip(by.Reason, fleet.MostReason))
	}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
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

// change asks the running fleet, or changes the records if none runs, as this process's own
// user.
func change[T any](ctx context.Context, c Client, target string, request any, by fleet.Operator, otherwise func(operate.Operator, context.Context, fleet.Operator) (T, error)) (T, error) {
	result, err := askFor[T](ctx, c, target, request)
	if !errors.Is(err, ErrNotRunning) {
		return result, err
	}
	o, done, err := ofRecords(ctx, c.Dir)
	if err != nil {
		return result, err
	}
	defer done()
	by.By = ThisUser()
	return otherwise(o, ctx, by)
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

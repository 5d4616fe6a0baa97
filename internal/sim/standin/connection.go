package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

const (
	// maxTries ends a stand-in whose simulated GitHub is gone.
	maxTries  = 60
	maxAnswer = 16 << 20
	// lastWords bounds the reports after the context has ended.
	lastWords = 5 * time.Second
)

// refused is an answer that ends a runner which is not at fault.
type refused struct {
	status  int
	because string
}

func (e *refused) Error() string { return e.because }

// connection is a runner's side of package protocol.
type connection struct {
	cfg          Config
	registration protocol.Registration
	session      string
}

func (c *connection) open(ctx context.Context) error {
	in := protocol.OpenSession{RunnerID: c.registration.RunnerID, OS: "linux", Version: c.cfg.Version}
	var session protocol.Session
	_, err := c.insist(ctx, http.MethodPost, protocol.SessionsPath, in, &session)
	if refusal, ok := errors.AsType[*refused](err); ok {
		switch refusal.status {
		case http.StatusConflict:
			refusal.because = fmt.Sprintf("Conflict: the JIT config of runner %s has been used", c.registration.RunnerName)
		case http.StatusNotFound:
			refusal.because = fmt.Sprintf("registration %s was not found", c.registration.RunnerName)
		}
	}
	c.session = session.ID
	return err
}

// close reports that the runner is gone, also after ctx has ended. It keeps the
// registration, as GitHub's runner does. After a job there is none.
func (c *connection) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_, _ = c.once(ctx, http.MethodDelete, protocol.SessionPath(c.session), nil, nil)
}

// message waits until there is one.
func (c *connection) message(ctx context.Context) (protocol.Message, error) {
	for {
		var m protocol.Message
		status, err := c.insist(ctx, http.MethodGet, protocol.MessagePath(c.session), nil, &m)
		if err != nil || status == http.StatusOK {
			return m, err
		}
	}
}

func (c *connection) nextJob(ctx context.Context) (*protocol.Job, error) {
	for {
		m, err := c.message(ctx)
		if err != nil {
			return nil, err
		}
		if m.Type == protocol.JobMessage && m.Job != nil {
			return m.Job, nil
		}
	}
}

func (c *connection) accept(ctx context.Context, job int64) error {
	_, err := c.insist(ctx, http.MethodPost, protocol.JobPath(c.session, job, "accept"), nil, nil)
	if refusal, ok := errors.AsType[*refused](err); ok && refusal.status == http.StatusNotFound {
		refusal.because = "the job is gone"
	}
	return err
}

func (c *connection) step(ctx context.Context, job int64, r protocol.StepResult) error {
	_, err := c.insist(ctx, http.MethodPost, protocol.JobPath(c.session, job, "step"), r, nil)
	return err
}

func (c *connection) log(ctx context.Context, job int64, lines []string) error {
	_, err := c.insist(ctx, http.MethodPost, protocol.JobPath(c.session, job, "log"), protocol.Log{Lines: lines}, nil)
	return err
}

func (c *connection) complete(ctx context.Context, job int64, conclusion string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_, err := c.insist(ctx, http.MethodPost, protocol.JobPath(c.session, job, "complete"), protocol.Result{Conclusion: conclusion}, nil)
	return err
}

// insist asks again while there is no answer. All requests of the protocol may be
// repeated, except open and complete: their repetition is refused and so ends the
// stand-in with ExitOK.
func (c *connection) insist(ctx context.Context, method, path string, in, out any) (int, error) {
	var err error
	for range maxTries {
		var status int
		status, err = c.once(ctx, method, path, in, out)
		if _, final := errors.AsType[*refused](err); err == nil || final {
			return status, err
		}
		select {
		case <-time.After(c.cfg.RetryEvery):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, err
}

func (c *connection) once(ctx context.Context, method, path string, in, out any) (int, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.registration.ServerURL+path, &body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.registration.Secret)
	req.Header.Set("User-Agent", "simulated-runner/"+c.cfg.Version)
	resp, err := c.cfg.Client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch code := resp.StatusCode; {
	case err != nil:
		return 0, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	case code == http.StatusGone:
		return code, &refused{code, "The runner registration has been deleted"}
	case code >= 400 && code < 500:
		return code, &refused{code, fmt.Sprintf("%s %s was refused with %s", method, path, resp.Status)}
	case code >= 300:
		return code, fmt.Errorf("%s %s was answered with %s", method, path, resp.Status)
	case code == http.StatusNoContent || out == nil:
		return code, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return 0, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return resp.StatusCode, nil
}

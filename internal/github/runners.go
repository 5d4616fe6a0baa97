package github

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
)

// Runner is a self-hosted runner as GitHub sees it.
//
// Status and Busy lag behind: Busy false, or Status offline, does not prove
// that no job runs. Only DeleteRunner is certain.
type Runner struct {
	ID            int64   `json:"id"`
	Name          string  `json:"name"`
	OS            string  `json:"os"`     // "unknown" until it first connects
	Status        string  `json:"status"` // "online" or "offline"
	Busy          bool    `json:"busy"`
	Labels        []Label `json:"labels"`
	RunnerGroupID int64   `json:"runner_group_id"`
	Ephemeral     bool    `json:"ephemeral"`
}

// Label is one label of a runner. GitHub compares names without regard to case.
type Label struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // "read-only" or "custom"
}

// JITRequest asks for the registration of one ephemeral runner.
type JITRequest struct {
	Name          string   `json:"name"`            // at most 64 characters, never used before
	RunnerGroupID int64    `json:"runner_group_id"` // 1 for a repository
	Labels        []string `json:"labels"`          // 1 to 100; GitHub adds none, not even self-hosted
	WorkFolder    string   `json:"work_folder,omitempty"`
}

// JITConfig is a registration and the credential that starts its runner, once.
type JITConfig struct {
	Runner           Runner `json:"runner"`
	EncodedJITConfig string `json:"encoded_jit_config"`
}

// String names the runner and leaves the credential out.
func (c JITConfig) String() string {
	return fmt.Sprintf("JIT config of runner %s (%d)", c.Runner.Name, c.Runner.ID)
}

// GoString is String, so that %#v does not show the credential either.
func (c JITConfig) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c JITConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// GenerateJITConfig registers an ephemeral runner, offline until its config is
// used.
//
// Never repeat it as it is. After GitHub.Unavailable the runner may be
// registered; after GitHub.Conflict a runner of that name is. In both cases
// find it, delete it if it is offline, and ask again under a new name.
func (c *Client) GenerateJITConfig(ctx context.Context, at Place, r JITRequest) (JITConfig, error) {
	if r.Labels == nil {
		r.Labels = []string{} // null would be another complaint than "no labels"
	}
	where := at.resource("/actions/runners/generate-jitconfig").writes(at.runners())
	var config JITConfig
	if _, err := c.do(ctx, http.MethodPost, where, r, &config); err != nil {
		return JITConfig{}, err
	}
	if config.Runner.ID == 0 || config.EncodedJITConfig == "" {
		return JITConfig{}, incomplete(http.MethodPost, where)
	}
	return config, nil
}

// GetRunner returns a runner, or GitHub.NotFound. A 404 means that the
// registration is gone; it says nothing about whether a job still runs.
func (c *Client) GetRunner(ctx context.Context, at Place, id int64) (Runner, error) {
	where := at.resource("/actions/runners/%d", id)
	var runner Runner
	if _, err := c.do(ctx, http.MethodGet, where, nil, &runner); err != nil {
		return Runner{}, err
	}
	if runner.ID == 0 {
		return Runner{}, incomplete(http.MethodGet, where)
	}
	return runner, nil
}

// FindRunner returns the runner with exactly that name, if there is one.
func (c *Client) FindRunner(ctx context.Context, at Place, name string) (Runner, bool, error) {
	// A GitHub Enterprise Server that does not know the filter lists every
	// runner, so the name is compared here too.
	for runner, err := range c.runners(ctx, at, url.Values{"name": {name}}) {
		if err != nil || runner.Name == name {
			return runner, err == nil, err
		}
	}
	return Runner{}, false, nil
}

// Runners yields all runners of the repository, page by page as they are asked
// for. An error is the last thing it yields.
func (c *Client) Runners(ctx context.Context, at Place) iter.Seq2[Runner, error] {
	return c.runners(ctx, at, url.Values{})
}

func (c *Client) runners(ctx context.Context, at Place, query url.Values) iter.Seq2[Runner, error] {
	query.Set("per_page", "100")
	type page struct {
		Runners []Runner `json:"runners"`
	}
	return list(ctx, c, at.resource("/actions/runners?%s", query.Encode()), func(p page) []Runner { return p.Runners })
}

// DeleteRunner removes a registration. GitHub.RunnerBusy means that the runner
// has a job and stays, GitHub.NotFound that it was gone already. It is the only
// test for "busy" that cannot be overtaken, and safe to repeat.
func (c *Client) DeleteRunner(ctx context.Context, at Place, id int64) error {
	_, err := c.do(ctx, http.MethodDelete, at.resource("/actions/runners/%d", id).writes(at.runners()), nil, nil)
	return err
}

func incomplete(method string, at resource) *Error {
	return &Error{Method: method, Path: at.bare(), StatusCode: http.StatusOK, cause: errors.New("the answer lacks required fields")}
}

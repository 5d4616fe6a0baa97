package fleet_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestErrorName(t *testing.T) {
	named := fleet.Errorf(fleet.RunnerNoCapacity, "no room in %s", "eu-west-1")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"nothing":                  {nil, ""},
		"an error without name":    {io.EOF, ""},
		"a named error":            {named, fleet.RunnerNoCapacity},
		"one that is wrapped":      {fmt.Errorf("launch: %w", fmt.Errorf("run task: %w", named)), fleet.RunnerNoCapacity},
		"one among others":         {errors.Join(io.EOF, named), fleet.RunnerNoCapacity},
		"one beside others":        {fmt.Errorf("%w and %w", io.EOF, named), fleet.RunnerNoCapacity},
		"the outer name counts":    {fleet.Errorf(fleet.RunnerLaunchFailed, "give up: %w", named), fleet.RunnerLaunchFailed},
		"one that is only printed": {fmt.Errorf("launch: %v", named), ""},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.ErrorName(tc.err), tc.want) })
	}
}

func TestErrorfWraps(t *testing.T) {
	for name, err := range map[string]error{
		"one cause":  fleet.Errorf(fleet.GitHubUnavailable, "read: %w", io.EOF),
		"two causes": fleet.Errorf(fleet.GitHubUnavailable, "read: %w after %w", io.EOF, io.ErrClosedPipe),
	} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v does not wrap io.EOF", name, err)
		}
	}
	equal(t, fleet.Errorf(fleet.GitHubUnavailable, "read: %w", io.EOF).Error(), "read: EOF")
}

func TestIsNamed(t *testing.T) {
	err := fmt.Errorf("delete: %w", fleet.Errorf(fleet.GitHubRunnerBusy, "busy"))
	for name, tc := range map[string]struct {
		err   error
		names []string
		want  bool
	}{
		"its name":               {err, []string{fleet.GitHubRunnerBusy}, true},
		"one of several":         {err, []string{fleet.GitHubNotFound, fleet.GitHubRunnerBusy}, true},
		"another name":           {err, []string{fleet.GitHubNotFound}, false},
		"no names":               {err, nil, false},
		"no name is not a name":  {io.EOF, []string{""}, false},
		"no error has no name":   {nil, []string{fleet.GitHubNotFound, ""}, false},
		"only the whole name is": {err, []string{"GitHub"}, false},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.IsNamed(tc.err, tc.names...), tc.want) })
	}
}

type limited time.Duration

func (l limited) Error() string       { return "slow down" }
func (l limited) Wait() time.Duration { return time.Duration(l) }

func TestRetryAfter(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want time.Duration
	}{
		"nothing":                {nil, 0},
		"an error without limit": {io.EOF, 0},
		"a limit":                {limited(time.Minute), time.Minute},
		"a limit with a name":    {fmt.Errorf("get: %w", fleet.Errorf(fleet.GitHubRateLimited, "github: %w", limited(time.Second))), time.Second},
		"the first limit":        {errors.Join(io.EOF, limited(2*time.Second), limited(time.Second)), 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.RetryAfter(tc.err), tc.want) })
	}
}

func TestMayPass(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"none":                          {nil, false},
		"it has no name":                {errors.New("access denied"), false},
		"AWS did not answer":            {fmt.Errorf("build: %w", fleet.Errorf(fleet.AWSUnavailable, "slow down")), true},
		"CodeBuild takes no more":       {fleet.Errorf(fleet.ImageBuildQueueFull, "full"), true},
		"the image cannot be built":     {fleet.Errorf(fleet.ImageBuildFailed, "no such file"), false},
		"the platform refuses the task": {fleet.Errorf(fleet.RunnerLaunchFailed, "no such subnet"), false},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.MayPass(tc.err), tc.want) })
	}
}

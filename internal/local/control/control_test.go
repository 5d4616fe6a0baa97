package control_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// echo is a fleet that returns what it was asked, or err.
type echo struct{ err error }

func (e echo) Pause(_ context.Context, by fleet.Operator) (operate.PauseResult, error) {
	return operate.PauseResult{Reason: by.Reason, PausedBy: by.By, Waiting: 3}, e.err
}

func (e echo) Resume(_ context.Context, by fleet.Operator) (operate.ResumeResult, error) {
	return operate.ResumeResult{FleetName: "test", Reason: by.Reason + by.By, Waiting: 2}, e.err
}

func (e echo) Drain(_ context.Context, now bool, by fleet.Operator, progress func(string)) (operate.DrainResult, error) {
	progress("paused fleet test by " + by.By + by.Reason)
	progress(fmt.Sprintf("now is %t", now))
	return operate.DrainResult{Already: now, Hooks: []operate.Hook{}, Problems: []operate.Problem{{What: "a", Reason: "b"}}}, e.err
}

func (e echo) Terminate(_ context.Context, runnerID string, force bool, by fleet.Operator) (operate.TerminateResult, error) {
	result := operate.TerminateResult{RunnerID: runnerID, Outcome: lifecycle.TerminatedBusy, JobID: 7, JobName: "build" + by.By + by.Reason}
	if force {
		result.Outcome = lifecycle.TerminatedStopping
	}
	return result, e.err
}

func (e echo) Retry(_ context.Context, runID string, by fleet.Operator) (operate.RetryResult, error) {
	return operate.RetryResult{RunID: runID, Retry: true, Reason: by.By + by.Reason}, e.err
}

func (e echo) BuildImage(_ context.Context, spec fleet.ImageSpec, by fleet.Operator) (fleet.ImageRecord, error) {
	return fleet.ImageRecord{Spec: spec, Revision: 4, Rebuild: by.By + by.Reason}, e.err
}

func (e echo) RemoveImage(_ context.Context, tag string, by fleet.Operator) (fleet.ImageRecord, error) {
	return fleet.ImageRecord{Tag: tag, Rebuild: by.By + by.Reason}, e.err
}

func (e echo) RefreshImages(_ context.Context, all bool, by fleet.Operator) (operate.RefreshResult, error) {
	return operate.RefreshResult{Images: []string{fmt.Sprint(all), by.By, by.Reason}}, e.err
}

func (e echo) PlanDrain(_ context.Context, now bool) (operate.DrainPlan, error) {
	return operate.DrainPlan{StopsJobs: now, Waiting: 4}, e.err
}

// examine is a set-up that says how it was looked at.
func examine(_ context.Context, asked control.Examination) (doctor.Report, error) {
	if slices.Contains(asked.Skip, "fails") {
		return doctor.Report{}, errors.New("stopped")
	}
	return doctor.Report{FleetName: "test", Findings: []doctor.Finding{{Check: asked.Version + asked.WebhookURL, About: asked.Skip}}}, nil
}

func TestAFleetLooksAtItsSetUp(t *testing.T) {
	dir := t.TempDir()
	client := control.Client{Dir: dir}
	if _, err := client.Doctor(t.Context(), control.Examination{}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("one that does not run: %v", err)
	}
	serve(t, dir, echo{})
	got, err := client.Doctor(t.Context(), control.Examination{Version: "v1 ", WebhookURL: "https://a/webhook", Skip: []string{"clock"}})
	if err != nil || got.FleetName != "test" || len(got.Findings) != 1 || got.Findings[0].Check != "v1 https://a/webhook" || !slices.Equal(got.Findings[0].About, []string{"clock"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := client.Doctor(t.Context(), control.Examination{Skip: []string{"fails"}}); err == nil || err.Error() != "stopped" {
		t.Errorf("one that was cut short: %v", err)
	}
}

// by is who operates a fleet, by the socket and not by what the client claims.
func by(f operate.Fleet) fleet.Operator {
	said := fleet.Operator{By: control.ThisUser(), Reason: "a & b?c=%d\nsecond line"}
	if _, ok := f.(control.Client); ok {
		said.By = "mallory"
	}
	return said
}

// asked is a call of each kind, with arguments that a path or a query could spoil.
func asked(ctx context.Context) map[string]func(operate.Fleet) (any, error) {
	const odd = "a/b c?d=e&f%20../#"
	return map[string]func(operate.Fleet) (any, error){
		"pause":           func(f operate.Fleet) (any, error) { return f.Pause(ctx, by(f)) },
		"resume":          func(f operate.Fleet) (any, error) { return f.Resume(ctx, by(f)) },
		"terminate":       func(f operate.Fleet) (any, error) { return f.Terminate(ctx, odd, false, by(f)) },
		"terminate now":   func(f operate.Fleet) (any, error) { return f.Terminate(ctx, odd, true, by(f)) },
		"retry":           func(f operate.Fleet) (any, error) { return f.Retry(ctx, odd, by(f)) },
		"remove an image": func(f operate.Fleet) (any, error) { return f.RemoveImage(ctx, odd, by(f)) },
		"refresh":         func(f operate.Fleet) (any, error) { return f.RefreshImages(ctx, false, by(f)) },
		"refresh all":     func(f operate.Fleet) (any, error) { return f.RefreshImages(ctx, true, by(f)) },
		"build an image": func(f operate.Fleet) (any, error) {
			return f.BuildImage(ctx, fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: odd, Arch: fleet.ARM64}, by(f))
		},
		"drain":     func(f operate.Fleet) (any, error) { return drained(ctx, f, false) },
		"plan":      func(f operate.Fleet) (any, error) { return f.PlanDrain(ctx, true) },
		"drain now": func(f operate.Fleet) (any, error) { return drained(ctx, f, true) },
	}
}

// drained is the result of a drain, with its progress.
func drained(ctx context.Context, f operate.Fleet, now bool) (any, error) {
	var lines []string
	result, err := f.Drain(ctx, now, by(f), func(line string) { lines = append(lines, line) })
	return fmt.Sprintf("%+v %q", result, lines), err
}

// serve serves a fleet on a data directory until the test ends.
func serve(t *testing.T, dir string, f operate.Fleet) *control.Server {
	t.Helper()
	lock, err := datadir.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	server, err := control.Serve(dir, f, func(context.Context) report.Health { return report.Health{Status: "ok", FleetName: "test"} }, examine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// A client answers as the fleet does, whatever it is asked.
func TestAClientAnswersAsTheFleet(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, echo{})
	for name, call := range asked(t.Context()) {
		want, _ := call(echo{})
		if got, err := call(control.Client{Dir: dir}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	if health, err := (control.Client{Dir: dir}).Health(t.Context()); err != nil || health.Status != "ok" || health.FleetName != "test" {
		t.Errorf("health: %+v, %v", health, err)
	}
}

func TestAClientSaysWhyTheFleetFailed(t *testing.T) {
	dir := t.TempDir()
	full := errors.New("pause fleet test: the disk is full")
	serve(t, dir, echo{full})
	for name, call := range asked(t.Context()) {
		if _, err := call(control.Client{Dir: dir}); err == nil || err.Error() != full.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If a path is too long for a socket, the socket is made elsewhere, and nothing of it
// is left.
func TestADirectoryWithALongPath(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	server := serve(t, dir, echo{})
	if _, err := (control.Client{Dir: dir}).Resume(t.Context(), fleet.Operator{}); err != nil {
		t.Error(err)
	}
	server.Close()
	for _, where := range []string{os.TempDir(), dir} {
		if left, _ := filepath.Glob(filepath.Join(where, "*control*")); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// The data directory may let others in, and then the socket's own mode keeps them out.
func TestOnlyTheOwnerReachesTheSocket(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir, echo{})
	defer server.Close()
	socket, err := os.ReadFile(filepath.Join(dir, "control.addr"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(strings.TrimSpace(string(socket))); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// What needs a running fleet fails without one. What does not need one is tested with a
// stopped fleet, in package local.
func TestWithoutAFleetThatRuns(t *testing.T) {
	client := control.Client{Dir: t.TempDir()}
	calls := asked(t.Context())
	for _, name := range []string{"terminate", "drain", "build an image", "remove an image"} {
		if _, err := calls[name](client); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.Health(t.Context()); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("health: %v", err)
	}
}

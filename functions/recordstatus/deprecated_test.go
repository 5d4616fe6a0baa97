package recordstatus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

var built = fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}

// exited7 is the document of a runner in an image whose runner GitHub gives no jobs.
func exited7(version, digest string) fleet.Document {
	doc := caught(fleet.RunnerVersionDeprecated, "as dispatch found it")
	doc.Plan = &fleet.Plan{Decision: fleet.Admitted, ImageSpec: &built, RunnerVersion: version}
	doc.Image = &fleet.Image{Outcome: fleet.ImageReady, Tag: built.Tag(), Digest: digest}
	return doc
}

func TestADeprecatedRunner(t *testing.T) {
	for name, c := range map[string]struct {
		version, digest string
		recorded        string
		error, says     string
		usable          bool
	}{
		"the image follows GitHub's releases":        {"latest", "sha256:1", "sha256:1", fleet.ImageOutdated, "the next one is built", false},
		"its next revision is there already":         {"latest", "sha256:0", "sha256:1", fleet.ImageOutdated, "the next one is built", true},
		"the fleet did not build it":                 {"latest", "sha256:1", "", fleet.RunnerVersionDeprecated, "publish it with a newer runner", false},
		"the version is pinned":                      {"2.329.0", "sha256:1", "sha256:1", fleet.RunnerVersionDeprecated, "runner 2.329.0 any more: set runner_version in fleet.yaml", true},
		"an execution that the release before began": {"", "sha256:1", "sha256:1", fleet.RunnerVersionDeprecated, "as dispatch found it", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			if c.recorded != "" {
				w.Images.Have(built, c.recorded)
			}
			id := w.Idle(w.Job(7))
			result, err := run(t, w, recordstatus.RecordFailure, id, exited7(c.version, c.digest))
			if err != nil {
				t.Fatal(err)
			}
			if result.Error != c.error || !strings.Contains(result.Cause, c.says) {
				t.Errorf("ended with %s: %s", result.Error, result.Cause)
			}
			run := w.Run("job-7")
			kind := fleet.SetbackConfiguration
			if c.error == fleet.ImageOutdated {
				kind = fleet.SetbackStart
			}
			if run.Shown() != fleet.RunRetrying || run.Setback.Kind != kind || run.Setback.Name != c.error {
				t.Errorf("the run is %s: %+v", run.Shown(), run.Setback)
			}
			if record, _, _ := w.Images.Image(t.Context(), built.Tag()); record.Usable() != c.usable {
				t.Errorf("the record is %+v", record)
			}
		})
	}
}

// However often the latest runner is deprecated, each try of a run costs one task.
func TestADeprecatedRunnerIsNoLoop(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.Images.Have(built, "sha256:1")
	result, err := run(t, w, recordstatus.RecordFailure, id, exited7("latest", "sha256:1"))
	if err != nil {
		t.Fatal(err)
	}
	if run := w.Run("job-7"); result.Next != "" || run.Shown() != fleet.RunRetrying || run.Setback.Name != fleet.ImageOutdated {
		t.Errorf("the next runner is %q, and the run is %s: %s", result.Next, run.Shown(), run.Reason)
	}
}

func TestADeprecatedRunnerKilled(t *testing.T) {
	lifecycletest.KillEverywhere(t, func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.Images.Have(built, "sha256:1")
		w.Idle(w.Job(7))
		return w
	}, func(w *world) error {
		result, err := recordstatus.Step{Fleet: w.Fleet(), Images: w.Images, Bus: w.Bus, NewID: w.NewID}.Run(t.Context(),
			fleet.Call{RunnerID: "fleet-7-1", State: recordstatus.RecordFailure, Document: exited7("latest", "sha256:1")})
		if err == nil && result.Error != fleet.ImageOutdated {
			return errors.New(result.Error)
		}
		return err
	}, nil)
}

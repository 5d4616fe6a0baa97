package sweep_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// family is the n-th family of a fleet.
func family(fleetName string, n int) string { return fmt.Sprintf("%s-%032x", fleetName, n) }

// familyOf is the family of a built image.
func familyOf(w *world, spec fleet.ImageSpec, digest string) string {
	w.Images.Have(spec, digest)
	w.Images.Edit(spec.Tag(), func(r *fleet.ImageRecord) { r.UsedAt = r.UsedAt.Add(-48 * time.Hour) })
	return fleet.TaskDefinition{FleetName: "fleet", Image: digest, Arch: spec.Arch}.Family()
}

func base(name string) fleet.ImageSpec {
	return fleet.ImageSpec{Kind: fleet.BaseImage, Name: name, Arch: fleet.ARM64}
}

func TestTaskDefinitions(t *testing.T) {
	const day = 24 * time.Hour
	const (
		active = iota
		inactive
		deleted
	)
	tests := map[string]struct {
		family func(w *world) string // family("fleet", 1) if nil
		old    time.Duration
		gone   time.Duration // since it was deregistered; 0 if it was not
		uses   func(r *fleet.Runner, arn string)
		want   int
	}{
		"an unused one":                        {nil, day, 0, nil, inactive},
		"one of yesterday, nearly":             {nil, day - time.Second, 0, nil, active},
		"one of another fleet":                 {func(*world) string { return family("fleet-2", 1) }, day, 0, nil, active},
		"one of another program":               {func(*world) string { return "fleet-web" }, day, 0, nil, active},
		"a runner is started from it":          {nil, day, 0, func(r *fleet.Runner, arn string) { r.TaskDefinition = arn }, active},
		"a runner uses another of its family":  {nil, day, 0, func(r *fleet.Runner, _ string) { r.TaskDefinition = "definition/" + family("fleet", 1) + ":9" }, active},
		"a runner uses another":                {nil, day, 0, func(r *fleet.Runner, _ string) { r.TaskDefinition = "definition/" + family("fleet", 2) + ":1" }, inactive},
		"a runner has not got to that":         {nil, day, 0, func(*fleet.Runner, string) {}, inactive},
		"a runner that is being ended used it": {nil, day, 0, func(r *fleet.Runner, arn string) { r.TaskDefinition, r.Phase = arn, fleet.Closing }, active},
		"a runner that is closed used it":      {nil, day, 0, func(r *fleet.Runner, arn string) { r.TaskDefinition, r.Phase = arn, fleet.Closed }, inactive},
		"a runner of the release before":       {nil, day, 0, func(r *fleet.Runner, _ string) { *r = r.Mark(fleet.StageImageReady, r.At(fleet.StageLaunched)) }, active},
		"the base image's, as it is now":       {func(w *world) string { return familyOf(w, base("v1"), "sha256:1") }, day, 0, nil, active},
		"the base image's of before": {func(w *world) string {
			was := familyOf(w, base("v1"), "sha256:1")
			familyOf(w, base("v1"), "sha256:2")
			return was
		}, day, 0, nil, inactive},
		"an extra image's": {func(w *world) string {
			return familyOf(w, fleet.ImageSpec{Kind: fleet.ExtraImage, Name: "android", Arch: fleet.X64}, "sha256:1")
		}, day, 0, nil, active},
		"that of an image no longer configured": {func(w *world) string { return familyOf(w, base("v0"), "sha256:1") }, day, 0, nil, inactive},
		"an image on demand's": {func(w *world) string {
			return familyOf(w, fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}, "sha256:1")
		}, day, 0, nil, inactive},
		"that of an image on demand which was used lately": {func(w *world) string {
			spec := fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}
			name := familyOf(w, spec, "sha256:1")
			w.Images.Edit(spec.Tag(), func(r *fleet.ImageRecord) { r.UsedAt = w.Now() })
			return name
		}, day, 0, nil, active},
		"one that was deregistered":              {nil, day, 10 * time.Minute, nil, deleted},
		"one that was deregistered just now":     {nil, day, 10*time.Minute - time.Second, nil, inactive},
		"another fleet's that was deregistered":  {func(*world) string { return family("fleet-2", 1) }, day, time.Hour, nil, inactive},
		"a deregistered one that a runner names": {nil, day, time.Hour, func(r *fleet.Runner, arn string) { r.TaskDefinition = arn }, inactive},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			w := lifecycletest.New(t)
			name := family("fleet", 1)
			if test.family != nil {
				name = test.family(w)
			}
			arn := w.Definitions.Add(name, w.Now().Add(-test.old))
			if test.gone != 0 {
				w.Definitions.Retire(arn, w.Now().Add(-test.gone))
			}
			if test.uses != nil {
				w.EditRunner(w.Launch(w.Job(7)), func(r *fleet.Runner) { test.uses(r, arn) })
			}
			h := handler(w)
			h.Policy.ExtraImages = map[string]string{"android": "Dockerfile"}
			h.Policy.Classes = map[string]fleet.Class{"small": {Arch: fleet.X64}, "arm": {Arch: fleet.ARM64}}
			got, err := h.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			is := deleted
			if known, lives := w.Definitions.Has(arn); lives {
				is = active
			} else if known {
				is = inactive
			}
			if is != test.want || (got[sweep.DefinitionUnused] == 1) != (test.gone == 0 && test.want == inactive) {
				t.Errorf("%d, want %d; repaired %v", is, test.want, got)
			}
		})
	}
}

// looks is how many sweeps, a minute apart, call a method of definitions.
func looks(t *testing.T, w *world, sweeps int) (calls []int) {
	t.Helper()
	for range sweeps {
		before := w.Definitions.Calls
		mustSweep(t, w)
		calls = append(calls, w.Definitions.Calls-before)
		w.Pass(time.Minute)
	}
	return calls
}

// A look that finds nothing new costs one request an hour.
func TestADefinitionsLookIsRare(t *testing.T) {
	w := lifecycletest.New(t)
	total := 0
	for _, calls := range looks(t, w, 180) {
		total += calls
	}
	if total != 3 {
		t.Errorf("%d requests in three hours", total)
	}
}

// Each of forty families has one definition to deregister and two to delete: each sweep
// does a few, until all are done.
func TestManyTaskDefinitions(t *testing.T) {
	w := lifecycletest.New(t)
	old := w.Now().Add(-48 * time.Hour)
	for n := range 40 {
		for range 2 {
			w.Definitions.Retire(w.Definitions.Add(family("fleet", n), old), old)
		}
		w.Definitions.Add(family("fleet", n), old)
	}
	for n := 0; w.Definitions.Count() > 0; n++ {
		was := w.Definitions.Count()
		done := mustSweep(t, w)[sweep.DefinitionUnused]
		if done > 5 || was-w.Definitions.Count() > 10 {
			t.Errorf("sweep %d: deregistered %d, deleted %d", n, done, was-w.Definitions.Count())
		}
		if w.Pass(time.Minute); n > 240 {
			t.Fatalf("%d are left", w.Definitions.Count())
		}
	}
}

// Many families without anything to do are looked at a few at a time.
func TestManyYoungTaskDefinitions(t *testing.T) {
	w := lifecycletest.New(t)
	for n := range 25 {
		w.Definitions.Add(family("fleet", n), w.Now())
	}
	got := looks(t, w, 4)
	if want := []int{11, 11, 6, 0}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

// A definition that cannot be deleted does not stop the look.
func TestADefinitionThatCannotBeDeleted(t *testing.T) {
	w := lifecycletest.New(t)
	old := w.Now().Add(-48 * time.Hour)
	for range 12 {
		w.Definitions.Retire(w.Definitions.Add(family("fleet", 1), old), old)
	}
	last := w.Definitions.Add(family("fleet", 2), old)
	w.Definitions.Undeletable = errors.New("a service refers to it")
	for range 2 {
		if _, err := run(w); err == nil {
			break
		}
		w.Pass(time.Minute)
	}
	if _, active := w.Definitions.Has(last); active {
		t.Error("the next family is not looked at")
	}
}

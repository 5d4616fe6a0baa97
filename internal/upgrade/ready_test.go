package upgrade

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// An execution of a release whose state machine knows nothing of what Validate found goes all
// its way, with the functions of today.
func TestTheReleaseBeforeGoesAllItsWay(t *testing.T) {
	older, err := fs.Glob(os.DirFS("testdata"), "*/"+definitionFile)
	if err != nil {
		t.Fatal(err)
	}
	const short = "Validate RunTask AwaitCompletion RecordStatus"
	way(t, statemachine.Definition, short)
	for _, file := range older {
		definition, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(definition), "$.plan.ready") {
			way(t, definition, "Validate ResolveImage RegisterTaskDefinition RunTask AwaitCompletion RecordStatus")
		}
	}
}

// way plays a job whose image and task definition are there.
func way(t *testing.T, definition []byte, want string) {
	t.Helper()
	teller := &teller{play: newPlay(t), calls: map[string]fleet.Call{}}
	p := teller.play
	base := fleet.ImageSpec{Kind: fleet.BaseImage, Name: p.world.Policy().BaseImage, Arch: fleet.X64}
	p.world.Images.Have(base, "sha256:base")
	if _, err := p.world.Definitions.Register(t.Context(), fleet.TaskDefinition{FleetName: lifecycletest.Name, Image: "sha256:base", Arch: fleet.X64}); err != nil {
		t.Fatal(err)
	}
	var called []string
	p.calling = func(call fleet.Call) { called = append(called, call.State) }
	p.run(definition, nil)
	teller.queued(7)
	teller.works("fleet-7-1", 7)
	p.toTheEnd()
	for _, problem := range append(p.problems, p.leftovers()...) {
		t.Error(problem)
	}
	if got := strings.Join(called, " "); got != want {
		t.Errorf("called %s, want %s", got, want)
	}
}

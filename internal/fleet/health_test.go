package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// fail closes a runner of the image without a job and returns the image's health.
func fail(t *testing.T, id int64, health fleet.ImageHealth, failure string) (fleet.ImageHealth, fleet.CloseResult) {
	t.Helper()
	run, runner := launched(t, jobOf(id))
	runner.Image, runner.ExitCode = "base", new(int)
	res := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Health: health, Error: failure, Cause: "why", Now: now})
	if res.Changes.Health != nil {
		health = *res.Changes.Health
	}
	return health, res
}

func TestThreeInARowOpenTheBreaker(t *testing.T) {
	var health fleet.ImageHealth
	for i := range int64(3) {
		if why := health.Broken(now); why != "" {
			t.Fatalf("open after %d failures: %s", i, why)
		}
		var res fleet.CloseResult
		health, res = fail(t, i+1, health, fleet.RunnerStoppedEarly)
		if res.Opened != (i == 2) {
			t.Errorf("failure %d: opened %t", i+1, res.Opened)
		}
	}
	if health.Broken(now.Add(fleet.BreakerPause-time.Second)) == "" {
		t.Error("within the pause it is closed")
	}
	later := now.Add(fleet.BreakerPause)
	if why := health.Broken(later); why != "" {
		t.Errorf("after the pause one must be tried: %s", why)
	}
	// It fails as well: the breaker opens again at once.
	if _, res := fail(t, 4, health, fleet.RunnerStoppedEarly); !res.Opened {
		t.Error("the runner that was tried failed, and the breaker stays closed")
	}
}

func TestWhatSaysNothingAboutAnImage(t *testing.T) {
	was := fleet.ImageHealth{Image: "base", InARow: 2, Version: 7}
	for name, failure := range map[string]string{
		"a runner that was let go":   "",
		"no capacity":                fleet.RunnerNoCapacity,
		"Spot took it back":          fleet.RunnerSpotInterrupted,
		"GitHub refuses our token":   fleet.GitHubUnauthorized,
		"the breaker itself is open": fleet.ImageBreakerOpen,
	} {
		if health, _ := fail(t, 1, was, failure); health != was {
			t.Errorf("%s: %+v", name, health)
		}
	}
}

func TestAJobClosesTheBreaker(t *testing.T) {
	run, runner := launched(t, jobOf(1))
	runner.Image, runner.Took, run.RanOn = "base", 1, runner.RunnerID
	res := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Health: fleet.ImageHealth{Image: "base", InARow: 3, OpenUntil: now, Reason: "why", Version: 4}, Now: now})
	if want := (fleet.ImageHealth{Image: "base", Version: 4}); res.Changes.Health == nil || *res.Changes.Health != want {
		t.Errorf("got %+v, want %+v", res.Changes.Health, want)
	}
}

func TestARunWaitsForTheBreaker(t *testing.T) {
	until := now.Add(time.Minute)
	run, runner := launched(t, jobOf(1))
	res := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Health: fleet.ImageHealth{Image: "base", OpenUntil: until}, Error: fleet.ImageBreakerOpen, Cause: "why", Now: now})
	waits := *res.Run
	if waits.Status != fleet.RunQueued || waits.Fruitless != 0 || !waits.NotBefore.Equal(until) || res.Relaunch != "" {
		t.Errorf("run %+v, relaunch %q", waits, res.Relaunch)
	}
	if got := fleet.Launch("fleet", 9, waits, fleet.Capacity{}, until.Add(-time.Second)); got.RunnerID != "" || got.Reason == "" {
		t.Errorf("launched before its time: %+v", got)
	}
	if got := fleet.Launch("fleet", 9, waits, fleet.Capacity{}, until); got.RunnerID == "" {
		t.Errorf("not launched when its time has come: %s", got.Reason)
	}
}

func TestALostTaskSaysNothingAboutItsImage(t *testing.T) {
	for name, c := range map[string]struct {
		stopCode string
		counts   bool
	}{
		"its exit status went to another process": {},
		"its image could not be pulled":           {fleet.StopTaskFailedToStart, true},
	} {
		run, runner := launched(t, jobOf(1))
		runner.Image, runner.StopCode = "base", c.stopCode
		res := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Error: fleet.RunnerStoppedEarly, Now: now})
		if (res.Changes.Health != nil) != c.counts {
			t.Errorf("%s: health %+v", name, res.Changes.Health)
		}
	}
}

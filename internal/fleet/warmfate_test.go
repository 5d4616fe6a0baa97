package fleet

import (
	"testing"
	"time"
)

func TestWhatBecameOfAWarmRunner(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	closing := Times{StageClosing: now}
	for name, c := range map[string]struct {
		runner Runner
		want   WarmFate
	}{
		"it idles":                            {Runner{Phase: Open}, WarmOpen},
		"it has a job":                        {Runner{Phase: Open, Took: 1}, WarmServed},
		"it had a job, and its task failed":   {Runner{Phase: Closed, Took: 1, FailureName: RunnerStoppedEarly}, WarmServed},
		"GitHub deleted it":                   {Runner{Phase: Closed}, WarmLost},
		"Spot took it back while it idled":    {Runner{Phase: Closed, FailureName: RunnerSpotInterrupted, StopCode: StopSpotInterruption}, WarmLost},
		"Spot took it back from its run":      {Runner{Phase: Closed, For: "job-1", FailureName: RunnerSpotInterrupted, StopCode: StopSpotInterruption}, WarmFailed},
		"its image cannot be pulled":          {Runner{Phase: Closed, FailureName: RunnerCannotPullContainer}, WarmFailed},
		"the sweep is ending it":              {Runner{Phase: Closing, Times: closing}, WarmEnded},
		"an operator or the sweep had it end": {Runner{Phase: Closed, Times: closing}, WarmEnded},
	} {
		if got := c.runner.Fate(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

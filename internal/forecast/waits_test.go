package forecast

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

func waitedFor(r Result, cause Cause) Waited {
	for _, w := range r.Waited {
		if w.For == cause {
			return w
		}
	}
	return Waited{}
}

// GitHub gives a runner to any job with its labels. The others still waited for room.
func TestJobsThatWaitForRoomSayThat(t *testing.T) {
	c := configured(t, "{github_repo: [octo/app, octo/lib, octo/site]}")
	w, err := workload.Make("burst", 1, Choice(c))
	if err != nil {
		t.Fatal(err)
	}
	r := played(t, Plan{Config: c, Workload: w, Seed: 1}).Result()
	if start := waitedFor(r, Start); start.Count != 200 || start.Max > (2*time.Minute).Milliseconds() {
		t.Errorf("no task takes over 50s to start, and jobs waited for the start %+v", start)
	}
	room := waitedFor(r, Room)
	if room.Count < 150 || room.Max < time.Hour.Milliseconds() {
		t.Errorf("they waited for room %+v", room)
	}
	if again := waitedFor(r, Again); again.P95 > (2*time.Minute).Milliseconds() || again.Max > (30*time.Minute).Milliseconds() {
		t.Errorf("tries take less than two minutes, and they waited for another try %+v", again)
	}
	if !strings.HasPrefix(r.Bound, "max_runners, which is 20 and of which 2 are kept for repositories that have no runner: 1") {
		t.Errorf("%d jobs waited for room, and launches were bound by %s", room.Count, r.Bound)
	}
}

func TestTheLimitThatBinds(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		jobs   int // at once, if they are more than ten
		want   string
	}{
		"one job on one runner": {"{github_repo: octo/app, max_runners: 1}", 1, "no limit: 1 runner was open at most, and at most 1 launched in a minute"},
		"two jobs on one":       {"{github_repo: octo/app, max_runners: 1}", 2, "max_runners, which is 1: 1 job waited for it"},
		"a repository's limit":  {"{github_repo: [octo/app, octo/lib], max_runners: 9, max_runners_per_repository: 2}", 9, "max_runners_per_repository, which is 2: 7 jobs waited for it"},
		"a rule's limit":        {"{github_repo: octo/app, max_runners: 9, policy: [{name: few, repository: octo/app, allow: true, max_runners: 2}]}", 5, "max_runners of rule few: 3 jobs waited for it"},
		"the pace of starts":    {"{github_repo: octo/app, max_runners: 300}", 200, "the 80 starts a minute that GitHub's 900 points a minute allow: 185 jobs waited for it"},
		"the pace, then room":   {"{github_repo: octo/app, max_runners: 100}", 300, "max_runners, which is 100: 252 jobs waited for it"},
	} {
		jobs := few(c.jobs, "self-hosted")
		if c.jobs > 10 {
			for i := range jobs.Jobs {
				jobs.Jobs[i].Queued, jobs.Jobs[i].Takes = 0, 5*time.Minute
			}
		}
		if got := played(t, Plan{Config: configured(t, c.config), Workload: jobs, Seed: 1}).Result().Bound; got != c.want {
			t.Errorf("%s: bound by %s, want %s", name, got, c.want)
		}
	}
}

// A simulation goes on for as long as jobs end.
func TestLongJobsEnd(t *testing.T) {
	c := configured(t, "{github_repo: octo/app}")
	w := few(1, "self-hosted")
	w.Jobs[0].Takes = 5 * time.Hour
	if r := played(t, Plan{Config: c, Workload: w, Seed: 1}).Result(); r.Open != 0 || r.Conclusions["success"] != 1 {
		t.Errorf("%d are open, %v", r.Open, r.Conclusions)
	}
}

// A limit of a day holds jobs back until the next one.
func TestJobsThatWaitForTheNextDayGetIt(t *testing.T) {
	c := configured(t, "{github_repo: octo/app, image_build_project: builds, on_demand_builds_per_day: 1}")
	w := few(2, "self-hosted")
	w.Jobs[0].Labels, w.Jobs[1].Labels = []string{"self-hosted", "image:node:22"}, []string{"self-hosted", "image:node:24"}
	if r := played(t, Plan{Config: c, Workload: w, Seed: 1}).Result(); r.Open != 0 || r.Lasted < (20*time.Hour).Milliseconds() {
		t.Errorf("%d are open after %dms: %v %v", r.Open, r.Lasted, r.Outcomes, r.Conclusions)
	}
}

// What is left of a fault after the last job is not played.
func TestAFaultProlongsNothing(t *testing.T) {
	c := configured(t, "{github_repo: octo/app}")
	faults := []kernel.Fault{{Kind: "ecs.slow_launch", Rate: 0.5, For: kernel.Duration{Duration: time.Second}, Until: kernel.Duration{Duration: 2000 * time.Hour}}}
	if r := played(t, Plan{Config: c, Workload: few(2, "self-hosted"), Faults: faults, Seed: 1}).Result(); r.Open != 0 || r.Lasted > time.Hour.Milliseconds() {
		t.Errorf("%d are open, after %dms", r.Open, r.Lasted)
	}
}

// Without capacity for ever, GitHub ends the jobs after a day.
func TestAFaultWithoutAnEnd(t *testing.T) {
	c := configured(t, "{github_repo: octo/app}")
	r := played(t, Plan{Config: c, Workload: few(2, "self-hosted"), Faults: []kernel.Fault{{Kind: "ecs.no_capacity"}}, Seed: 1}).Result()
	if r.Open != 0 || r.Lasted < (24*time.Hour).Milliseconds() {
		t.Errorf("%d are open after %dms: %v %v", r.Open, r.Lasted, r.Outcomes, r.Conclusions)
	}
}

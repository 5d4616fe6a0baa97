package pools

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// noon is that of a Wednesday.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

const pool = "large@octo/app"

// facts are those of a fleet with a pool of two, which has so many runners: idle ones,
// starting ones, expected ones, and ones with a job.
func facts(change func(*Facts, *fleet.Warm), idle, starting, expected, running int) Facts {
	warm := fleet.Warm{Count: 2}
	f := Facts{
		Policy: fleet.Policy{FleetName: "ci", Repositories: []string{"octo/app"}, MaxRunners: 20, EnforcePolicy: true},
		GitHub: &fleet.GitHubUsage{At: noon.Add(-20 * time.Second), Budgets: []fleet.Budget{{Credential: "c", Limit: 5000, Remaining: 4000, Reset: noon.Add(time.Hour)}}},
		Book:   price.In(price.Home), Now: noon,
	}
	add := func(r fleet.Runner) {
		r.RunnerID, r.Pool, r.RegisteredIn, r.Phase = fmt.Sprintf("ci-w%d-1", len(f.Runners)+1), pool, "octo/app", fleet.Open
		r = r.Mark(fleet.StageLaunched, noon.Add(-30*time.Minute))
		if f.Runners = append(f.Runners, r); r.Idle() {
			if f.Capacity.Warm == nil {
				f.Capacity.Warm = map[string]fleet.WarmRunner{}
			}
			f.Capacity.Warm[r.RunnerID] = fleet.WarmRunner{Pool: pool, Place: "octo/app", Since: noon.Add(-30 * time.Minute)}
		}
		f.Capacity.Open++
	}
	registered := fleet.Times{fleet.StageRegistered: noon.Add(-20 * time.Minute)}
	for range idle {
		add(fleet.Runner{Status: fleet.RunnerWaitingForJob, Times: registered})
	}
	for range starting {
		add(fleet.Runner{Status: fleet.RunnerStarting})
	}
	for range expected {
		add(fleet.Runner{Status: fleet.RunnerWaitingForJob, For: "job-1", Times: registered})
	}
	for range running {
		add(fleet.Runner{Status: fleet.RunnerRunning, For: "job-2", Took: 2, Times: registered})
	}
	if change != nil {
		change(&f, &warm)
	}
	f.Policy.Classes = map[string]fleet.Class{"large": {CPU: 2048, Memory: 4096, Warm: &warm}}
	f.Policy.DefaultClass = "large"
	return f
}

func TestAPoolSaysWhatItHasAndDid(t *testing.T) {
	f := facts(func(f *Facts, w *fleet.Warm) {
		w.IdleHoursPerDay = 12
		f.Capacity.Pools = map[string]fleet.PoolState{pool: {Day: "2026-07-01", Launched: 9, Taken: 5, Lost: 2, Ended: 1, IdleSeconds: 3600, LostAt: noon.Add(-2 * time.Hour)}}
	}, 1, 1, 1, 2)
	hour := f.Book.Time(f.Policy.Classes["large"], fleet.Fargate, time.Hour)
	want := []Pool{{
		Pool: pool, Class: "large", Place: "octo/app", Count: 2, Wanted: 2, Idle: 1, Starting: 1, Expected: 1, Running: 2,
		Reason: "its last runners start", LostAt: noon.Add(-2 * time.Hour),
		Today: Day{Day: "2026-07-01", Launched: 9, Taken: 5, Lost: 2, Ended: 1, IdleSeconds: 7200, IdleHoursPerDay: 12, IdleCost: 2 * hour, MostCost: 12 * hour},
	}}
	got := Of(f)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	for _, says := range [][2]string{
		{got[0].Has(), "1 of 2 idle, 1 starting, 1 expected, 2 with a job"},
		{got[0].Today.Did(), "9 launched, 5 taken, 2 lost while they idled, 1 ended idle"},
		{got[0].Today.Idled(), "2 h 00 min of 12 h"},
	} {
		if says[0] != says[1] {
			t.Errorf("%q, want %q", says[0], says[1])
		}
	}
}

// explanations are the first words of what docs/operations.md explains of pools.
func explanations(t *testing.T) (rows []string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## A pool of warm runners is not full\n")
	section, _, _ = strings.Cut(section, "\n### ")
	for line := range strings.Lines(section) {
		cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") {
			continue
		}
		for part := range strings.SplitSeq(cell, ", ") {
			if first, _, _ := strings.Cut(part, "…"); len(first) > 5 {
				rows = append(rows, strings.TrimSpace(first))
			}
		}
	}
	if len(rows) < 10 {
		t.Fatalf("only %q are explained", rows)
	}
	return rows
}

func TestWhyAPoolIsNotFull(t *testing.T) {
	explained := explanations(t)
	midnight := time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC)
	state := func(s fleet.PoolState) map[string]fleet.PoolState {
		s.Day = "2026-07-01"
		return map[string]fleet.PoolState{pool: s}
	}
	for name, c := range map[string]struct {
		idle   int
		change func(*Facts, *fleet.Warm)
		want   string
		next   time.Time
	}{
		"it is":        {idle: 2},
		"a moment ago": {1, nil, "the next sweep launches one, within a minute", time.Time{}},
		"its schedule": {0, func(_ *Facts, w *fleet.Warm) { w.Schedule = "mon-fri 13:00-18:00" }, "its schedule wants none now", noon.Add(time.Hour)},
		"a pause":      {1, func(f *Facts, _ *fleet.Warm) { f.Capacity.Paused = "an upgrade" }, "an upgrade", time.Time{}},
		"a run waits":  {1, func(f *Facts, _ *fleet.Warm) { f.Runs = []fleet.Run{{WaitsForRoom: true}} }, "jobs wait for room", time.Time{}},
		"its hours": {1, func(f *Facts, w *fleet.Warm) {
			w.IdleHoursPerDay, f.Capacity.Pools = 1, state(fleet.PoolState{IdleSeconds: 3600})
		}, "are used up", midnight},
		"a loss": {1, func(f *Facts, _ *fleet.Warm) {
			f.Capacity.Pools = state(fleet.PoolState{NextTry: noon.Add(time.Minute)})
		}, "was lost soon", noon.Add(time.Minute)},
		"losses": {1, func(f *Facts, _ *fleet.Warm) {
			f.Capacity.Pools = state(fleet.PoolState{LostAt: noon, LaunchedAt: noon})
		}, "launches one a minute", noon.Add(50 * time.Second)},
		"a failure": {1, func(f *Facts, _ *fleet.Warm) {
			f.Capacity.Pools = state(fleet.PoolState{NextTry: noon.Add(time.Minute), Failure: "Image.NotFound: gone"})
		}, "Image.NotFound: gone", noon.Add(time.Minute)},
		"no room": {1, func(f *Facts, _ *fleet.Warm) { f.Policy.MaxRunners = 1 }, "max_runners is 1", time.Time{}},
		"no room for its renamed repository": {1, func(f *Facts, _ *fleet.Warm) {
			f.Policy.MaxPerRepository, f.Capacity.OpenOf = 5, map[string]int{"octo/next": 5}
			f.GitHub.Renamed = map[string]string{"octo/app": "octo/Next"}
		}, "max_runners_per_repository is 5", time.Time{}},
		"a hold on its renamed repository": {1, func(f *Facts, _ *fleet.Warm) {
			f.Holds = []fleet.Hold{{Key: "access/octo/next", Kind: fleet.SetbackAccess, Needs: 1, Met: map[string]time.Time{"job-1": noon}}}
			f.GitHub.Renamed = map[string]string{"octo/app": "octo/Next"}
		}, "launches of its class or image are held", time.Time{}},
		"a run of its renamed repository waits": {1, func(f *Facts, _ *fleet.Warm) {
			f.Runs = []fleet.Run{{Job: fleet.Job{Repository: "octo/Next"}, WaitsForRoom: true, WaitsForShare: true}}
			f.GitHub.Renamed = map[string]string{"octo/app": "octo/Next"}
		}, "jobs wait for room", time.Time{}},
		"a hold": {1, func(f *Facts, _ *fleet.Warm) {
			f.Holds = []fleet.Hold{{Key: "capacity/large/0", Kind: fleet.SetbackCapacity, Needs: 1, Met: map[string]time.Time{"job-1": noon}}}
		}, "launches of its class or image are held", time.Time{}},
		"too many starts": {1, func(f *Facts, _ *fleet.Warm) {
			f.Capacity.Pace = fleet.Pace{Slot: noon.Unix() / 10, Counts: []int{fleet.MostStarts}}
		}, "waits for its turn", time.Time{}},
		"GitHub": {1, func(f *Facts, _ *fleet.Warm) { f.GitHub.Budgets[0].Remaining = 4 }, "GitHub's limit leaves 4 requests, which are kept for the claims of jobs", noon.Add(time.Hour)},
		"GitHub, of one of two credentials": {1, func(f *Facts, _ *fleet.Warm) {
			f.GitHub.Budgets[0].Remaining = 4
			f.GitHub.Budgets = append(f.GitHub.Budgets, fleet.Budget{Credential: "d", Limit: 5000, Remaining: 4000, Reset: noon.Add(time.Hour)})
		}, "the next sweep launches one", time.Time{}},
		"GitHub, of both credentials": {1, func(f *Facts, _ *fleet.Warm) {
			f.GitHub.Budgets[0].Remaining = 4
			f.GitHub.Budgets = append(f.GitHub.Budgets, fleet.Budget{Credential: "d", Limit: 5000, Remaining: 3, Reset: noon.Add(time.Minute)})
		}, "GitHub's limit leaves 3 requests", noon.Add(time.Minute)},
		"a late sweep": {1, func(f *Facts, _ *fleet.Warm) { f.GitHub.At = noon.Add(-time.Hour) }, "the last one was at 11:00 UTC", time.Time{}},
		"a bad sweep": {1, func(f *Facts, _ *fleet.Warm) {
			f.GitHub.Failed = "sweep room: x\nsweep warm runners: no table\nsweep y: z"
		}, "could not launch one: no table", time.Time{}},
		"before sweeps": {1, func(f *Facts, _ *fleet.Warm) { f.GitHub = nil }, "the next sweep launches one", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := Of(facts(c.change, c.idle, 0, 0, 0))[0]
			if c.want != "" && !slices.ContainsFunc(explained, func(row string) bool { return strings.Contains(p.Reason, row) }) {
				t.Errorf("docs/operations.md does not explain %q", p.Reason)
			}
			if !strings.Contains(p.Reason, c.want) || p.Full() != (c.want == "") || !p.NextLaunch.Equal(c.next) {
				t.Errorf("%q, next at %s; want %q at %s", p.Reason, p.NextLaunch, c.want, c.next)
			}
		})
	}
}

func TestAPoolThatTheConfigurationNoLongerHas(t *testing.T) {
	f := facts(nil, 1, 0, 0, 0)
	f.Policy.Classes = nil
	got := Of(f)
	if len(got) != 1 || !got[0].Gone || got[0].Wanted != 0 || got[0].Idle != 1 {
		t.Errorf("%+v", got)
	}
	if f.Runners = nil; len(Of(f)) != 0 {
		t.Errorf("%+v of a fleet that has and had no pools", Of(f))
	}
}

// A class whose warm is wrong is shown with the reason, whether or not its runners are left.
func TestAClassThatMustNotHaveAPoolSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Facts, *fleet.Warm)
		why    string
	}{
		"a wrong count":       {func(_ *Facts, w *fleet.Warm) { w.Count = 0 }, "warm.count 0"},
		"policy not enforced": {func(f *Facts, _ *fleet.Warm) { f.Policy.EnforcePolicy = false }, "enforce_policy"},
	} {
		for _, idle := range []int{0, 1} {
			all := Of(facts(test.change, idle, 0, 0, 0))
			if len(all) != 1+idle || all[0].Pool != "large" || !all[0].Gone || !strings.Contains(all[0].Reason, test.why) {
				t.Errorf("%s, %d idle: %+v", name, idle, all)
			}
		}
	}
	f := facts(func(_ *Facts, w *fleet.Warm) { w.Count = 0 }, 0, 0, 0, 0)
	if !(Records{Policy: f.Policy}).has() {
		t.Error("nothing is read for a fleet whose only class is wrong")
	}
}

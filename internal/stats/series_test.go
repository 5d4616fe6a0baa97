package stats

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func TestASeries(t *testing.T) {
	s := NewSeries(at(0), at(239), time.Minute)
	s.Add(ran(1, "small", 10, 20)) // runner from 12 to 92
	s.Add(ran(2, "small", 50, 65)) // runner from 52 to 177
	open := ran(3, "small", 200, 20)
	open.Run.Status, open.Run.Times = fleet.RunQueued, fleet.Times{fleet.StageQueued: at(200), fleet.StageReceived: at(201)}
	open.Runners[0].Times = fleet.Times{fleet.StageLaunched: at(202)}
	s.Add(open)
	old := ran(4, "small", -600, 20)
	s.Add(old) // before the series
	early := ran(5, "small", -100, 50)
	s.Add(early) // runner from -98 to 12

	p := func(ms int64) *Percentiles { return &Percentiles{1, ms, ms, ms, ms} }
	want := []Bucket{
		{From: at(0), Queued: 2, Started: 1, Ended: 1, Queue: p(20_000), Runners: 2, Waiting: 1},
		{From: at(60), Queued: 0, Started: 1, Ended: 1, Queue: p(65_000), Runners: 2, Waiting: 1},
		{From: at(120), Ended: 1, Runners: 1},
		{From: at(180), Queued: 1, Runners: 1, Waiting: 1},
	}
	if diff := cmp.Diff(want, s.Buckets()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestASeriesIsBounded(t *testing.T) {
	for _, c := range []struct{ hours, step int }{{1, 1}, {24, 60}, {24 * 90, 1}, {24 * 3650, 0}} {
		now := noon.Add(time.Duration(c.hours) * time.Hour)
		s := NewSeries(noon, now, time.Duration(c.step)*time.Second)
		b := s.Buckets()
		if len(b) > MostBuckets || len(b) == 0 || b[0].From.After(noon) || now.Sub(b[len(b)-1].From) >= s.Step() {
			t.Errorf("%+v: %d buckets of %s", c, len(b), s.Step())
		}
	}
}

// TestTheMostAtOnce compares with counting at each second.
func TestTheMostAtOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		const seconds = 300
		s := NewSeries(at(0), at(seconds-1), time.Minute)
		var alive [seconds]int
		for range random.IntN(30) {
			from := random.IntN(seconds+100) - 50
			to := from + 1 + random.IntN(150)
			s.Add(report.Lived{Runners: []fleet.Runner{{Times: fleet.Times{fleet.StageLaunched: at(from), fleet.StageClosed: at(to)}}}})
			for second := max(0, from); second < min(seconds, to); second++ {
				alive[second]++
			}
		}
		for i, b := range s.Buckets() {
			most := 0
			for _, n := range alive[i*60 : (i+1)*60] {
				most = max(most, n)
			}
			if b.Runners != most {
				t.Fatalf("bucket %d: %d at once, want %d", i, b.Runners, most)
			}
		}
	}
}

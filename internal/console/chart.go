package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// chart is a picture of numbers over time, which the server draws. Its coordinates are
// thousandths of the width, and chartHeight of the height.
type chart struct {
	Title, Says string // Says is all that the picture shows, for those who do not see it
	Unit        string
	Top, Middle string   // of the scale
	Bars        []bar    // in the order of time
	Ticks       []string // below, from the left to the right
	Limit       int      // a line across, 0 for none
	LimitSays   string
	Empty       string // why there is nothing to show
	Key         []keyOf
}

type keyOf struct{ Tone, Text string }

// bar is what a time span has. Two parts of a bar stand for two values of one measure.
type bar struct {
	X, W         int
	Low, High    int // heights, High is that of the whole bar
	Y, YLow      int // upper ends
	Title        string
	LowOf, Other string // tones
}

const (
	chartHeight = 200
	buckets     = 36
)

// bucketOf is the place of a time in the window before now, or -1.
func bucketOf(at, now time.Time) int {
	back := now.Sub(at)
	if back < 0 || back >= window {
		return -1
	}
	return buckets - 1 - int(back*buckets/window)
}

func ticks(now time.Time, zone *time.Location) (all []string) {
	for i := range 7 {
		all = append(all, now.Add(-window+time.Duration(i)*window/6).In(zone).Format("15:04"))
	}
	return all
}

// queueChart shows how long jobs waited that got their runner in a time span.
func queueChart(s snapshot) chart {
	c := chart{Title: "Queue time", Unit: "from GitHub's queueing until a runner took the job", Key: []keyOf{{toneRun, "median"}, {toneReady, "95 % within"}}}
	var in [buckets][]int64
	var all []int64
	for _, r := range s.runs {
		ms := queuedFor(r)
		if ms == nil {
			continue
		}
		if i := bucketOf(r.At(fleet.StageJobStarted), s.now); i >= 0 {
			in[i], all = append(in[i], *ms), append(all, *ms)
		}
	}
	if len(all) == 0 {
		c.Empty = "No job got a runner in the last 6 hours."
		return c
	}
	slices.Sort(all)
	p50, p95 := percentile(all, 50), percentile(all, 95)
	c.Says = fmt.Sprintf("%s in the last 6 hours: half of them waited %s or less, 95 %% %s or less.", plural(len(all), "job", "jobs"), tookText(&p50), tookText(&p95))
	var low, high [buckets]int64
	most := int64(1)
	for i, values := range in {
		if len(values) > 0 {
			slices.Sort(values)
			low[i], high[i] = percentile(values, 50), percentile(values, 95)
			most = max(most, high[i])
		}
	}
	top := niceMillis(most)
	half := top / 2
	c.Top, c.Middle = tookText(&top), tookText(&half)
	for i, values := range in {
		if len(values) > 0 {
			c.bar(i, low[i], high[i], top, fmt.Sprintf("%s: %s, median %s, 95 %% within %s", at(i, s.now), plural(len(values), "job", "jobs"), tookText(&low[i]), tookText(&high[i])), toneRun, toneReady)
		}
	}
	return c
}

// runnerChart shows the most runners that were open at once, and of them those with a job.
func runnerChart(s snapshot) chart {
	c := chart{Title: "Open runners", Unit: "the most at once", Key: []keyOf{{toneRun, "with a job"}, {toneReady, "getting ready"}}}
	var open, busy [buckets]int64
	seen := map[string]bool{}
	count := func(r fleet.Runner) {
		if seen[r.RunnerID] {
			return
		}
		seen[r.RunnerID] = true
		from, to, job := r.At(fleet.StageLaunched), r.At(fleet.StageClosed), r.At(fleet.StageJobStarted)
		if to.IsZero() {
			to = s.now
		}
		for i := range buckets {
			middle := s.now.Add(-window + window*time.Duration(2*i+1)/(2*buckets))
			if i == buckets-1 {
				middle = s.now
			}
			if from.IsZero() || middle.Before(from) || middle.After(to) {
				continue
			}
			open[i]++
			if !job.IsZero() && !middle.Before(job) {
				busy[i]++
			}
		}
	}
	for _, r := range s.runners {
		count(r)
	}
	for _, r := range s.open {
		count(r)
	}
	most := slices.Max(open[:])
	if most == 0 {
		c.Empty = "No runner was open in the last 6 hours."
		return c
	}
	c.Says = fmt.Sprintf("Up to %s in the last 6 hours, of %d at most; %d now.", plural(int(most), "open runner", "open runners"), s.settings.MaxRunners, len(s.open))
	top := niceCount(most)
	c.Top, c.Middle = fmt.Sprint(top), fmt.Sprint(top/2)
	for i := range buckets {
		if open[i] > 0 {
			c.bar(i, busy[i], open[i], top, fmt.Sprintf("%s: %d open, %d with a job", at(i, s.now), open[i], busy[i]), toneRun, toneReady)
		}
	}
	if n := int64(s.settings.MaxRunners); n > 0 && n <= top {
		c.Limit, c.LimitSays = chartHeight-int(n*chartHeight/top), fmt.Sprintf("max_runners: %d", n)
	}
	return c
}

func at(bucket int, now time.Time) string {
	back := window * time.Duration(buckets-1-bucket) / buckets
	if back == 0 {
		return "now"
	}
	return lasts(back) + " ago"
}

func (c *chart) bar(i int, low, high, top int64, title, lowOf, other string) {
	l, h := int(low*chartHeight/top), int(high*chartHeight/top)
	if high > 0 {
		h = max(h, 3)
	}
	const step = 1000 / buckets
	c.Bars = append(c.Bars, bar{X: i*1000/buckets + 2, W: step - 5, Low: l, High: max(0, h-l), Y: chartHeight - h, YLow: chartHeight - l, Title: title, LowOf: lowOf, Other: other})
}

// niceCount is an even number that is not smaller, with few digits that are not zero.
func niceCount(n int64) int64 {
	for scale := int64(1); ; scale *= 10 {
		for _, step := range []int64{2, 4, 6, 10} {
			if step*scale >= n {
				return step * scale
			}
		}
	}
}

// niceMillis is a time that people count in.
func niceMillis(ms int64) int64 {
	for _, s := range []int64{1, 2, 4, 10, 20, 30, 60, 120, 240, 600, 1200, 1800, 3600, 7200, 14400, 28800, 57600} {
		if s*1000 >= ms {
			return s * 1000
		}
	}
	return niceCount(ms/86_400_000+1) * 86_400_000
}

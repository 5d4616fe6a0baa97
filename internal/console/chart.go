package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
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

// span is how far back charts go.
type span struct {
	length time.Duration
	text   string // after "in the last"
}

// reach is how long ago the oldest record came that charts are made from, and whether there
// are older ones that were not read.
func (s snapshot) reach() (back time.Duration, cut bool) {
	if n := len(s.runs); n > 0 {
		back, cut = s.now.Sub(s.runs[n-1].QueuedSince()), n == report.MostListed
	}
	if n := len(s.runners); n > 0 {
		runners := s.now.Sub(s.runners[n-1].At(fleet.StageLaunched))
		switch all := n < report.MostListed; {
		case cut && !all:
			back = min(back, runners)
		case !cut && all:
			back = max(back, runners)
		case !cut:
			back, cut = runners, true
		}
	}
	return back, cut
}

// spanOf is the shortest span that has the whole history, or the longest that has no time
// whose records were not read.
func spanOf(s snapshot) span {
	spans := []span{{15 * time.Minute, "15 minutes"}, {time.Hour, "hour"}, {6 * time.Hour, "6 hours"}}
	back, cut := s.reach()
	if len(s.runs)+len(s.runners) == 0 {
		return spans[len(spans)-1]
	}
	fits := spans[0]
	for _, longer := range spans[1:] {
		if cut && longer.length <= back || !cut && fits.length < back {
			fits = longer
		}
	}
	return fits
}

// bucketOf is the place of a time in the span before now, or -1.
func (s span) bucketOf(at, now time.Time) int {
	back := now.Sub(at)
	if back < 0 || back >= s.length {
		return -1
	}
	return buckets - 1 - int(back*buckets/s.length)
}

// ticks are the times of day below a chart, "" for those that are no whole minute.
func (s span) ticks(now time.Time, zone *time.Location) (all []string) {
	for i := range 7 {
		text := ""
		if back := s.length * time.Duration(6-i) / 6; back%time.Minute == 0 {
			text = now.Add(-back).In(zone).Format("15:04")
		}
		all = append(all, text)
	}
	return all
}

// queueChart shows how long jobs waited that got their runner in a time span.
func queueChart(s snapshot) chart {
	c := chart{Title: "Queue time", Unit: "from GitHub's queueing until a runner took the job", Key: []keyOf{{toneRun, "median"}, {toneReady, "95 % within"}}}
	span := spanOf(s)
	var in [buckets][]int64
	var all []int64
	for _, r := range s.runs {
		ms := queuedFor(r)
		if ms == nil {
			continue
		}
		if i := span.bucketOf(r.At(fleet.StageJobStarted), s.now); i >= 0 {
			in[i], all = append(in[i], *ms), append(all, *ms)
		}
	}
	if len(all) == 0 {
		c.Empty = "No job got a runner in the last " + span.text + "."
		return c
	}
	slices.Sort(all)
	p50, p95 := percentile(all, 50), percentile(all, 95)
	which := plural(len(all), "job", "jobs") + " in the last " + span.text
	if back, cut := s.reach(); cut && back < span.length {
		which = "Of " + fmt.Sprintf("the newest %d jobs", len(s.runs))
	}
	c.Says = fmt.Sprintf("%s: half of them waited %s or less, 95 %% %s or less.", which, tookText(&p50), tookText(&p95))
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
			c.bar(i, low[i], high[i], top, fmt.Sprintf("%s: %s, median %s, 95 %% within %s", span.at(i), plural(len(values), "job", "jobs"), tookText(&low[i]), tookText(&high[i])), toneRun, toneReady)
		}
	}
	return c
}

// runnerChart shows the most runners that were open at once, and of them those with a job.
func runnerChart(s snapshot) chart {
	c := chart{Title: "Open runners", Unit: "the most at once", Key: []keyOf{{toneRun, "with a job"}, {toneReady, "getting ready"}}}
	var open, busy [buckets]int64
	seen := map[string]bool{}
	span := spanOf(s)
	count := func(r fleet.Runner, until time.Time) {
		if seen[r.RunnerID] {
			return
		}
		seen[r.RunnerID] = true
		from, to, job := r.At(fleet.StageLaunched), r.At(fleet.StageClosed), r.At(fleet.StageJobStarted)
		if to.IsZero() {
			to = until
		}
		for i := range buckets {
			middle := s.now.Add(-span.length + span.length*time.Duration(2*i+1)/(2*buckets))
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
	for _, r := range s.open {
		count(r, s.now)
	}
	for _, r := range s.runners { // if it was open when these were read, it has ended since
		count(r, s.at)
	}
	most := slices.Max(open[:])
	if most == 0 {
		c.Empty = "No runner was open in the last " + span.text + "."
		return c
	}
	c.Says = fmt.Sprintf("Up to %s in the last %s, of %d at most; %d now.", plural(int(most), "open runner", "open runners"), span.text, s.settings.MaxRunners, len(s.open))
	top := niceCount(most)
	c.Top, c.Middle = fmt.Sprint(top), fmt.Sprint(top/2)
	for i := range buckets {
		if open[i] > 0 {
			c.bar(i, busy[i], open[i], top, fmt.Sprintf("%s: %d open, %d with a job", span.at(i), open[i], busy[i]), toneRun, toneReady)
		}
	}
	if n := int64(s.settings.MaxRunners); n > 0 && n <= top {
		c.Limit, c.LimitSays = chartHeight-int(n*chartHeight/top), fmt.Sprintf("max_runners: %d", n)
	}
	return c
}

func (s span) at(bucket int) string {
	back := s.length * time.Duration(buckets-1-bucket) / buckets
	if back == 0 {
		return "now"
	}
	return lasts(back) + " ago"
}

func (c *chart) bar(i int, low, high, top int64, title, lowOf, other string) {
	l, h := int(low*chartHeight/top), int(high*chartHeight/top)
	h = max(h, 3) // what took no time is seen too
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

package forecast

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
)

// The chart's measures, in its own units.
const (
	chartWidth  = 960
	chartHeight = 560
	plotLeft    = 76
	plotRight   = chartWidth - 24
	plotHeight  = 170
	mostBuckets = 336 // half an hour of a week
)

// Chart draws the jobs that waited and the runners that were open over time, as an SVG that
// needs nothing else, in light and dark.
func (p Played) Chart(w io.Writer) error {
	series := p.Series(mostBuckets)
	c := &canvas{axis: p.axis(series)}
	buckets := series.Buckets()
	name := shortened(p.Plan.Workload.Name)
	if p.Plan.Workload.Made {
		name = "the made workload " + name
	}
	title := fmt.Sprintf("Simulated: %s of %s on at most %s", jobs(len(p.Lived)), name, runners(p.Plan.Config.MaxRunners))
	waiting, runners := panel{top: 96, name: "jobs that wait for a runner"}, panel{top: 326, name: "runners that are open", limit: p.Plan.Config.MaxRunners}
	for _, b := range buckets {
		waiting.values, runners.values = append(waiting.values, b.Waiting), append(runners.values, b.Runners)
	}
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title says">`+"\n", chartWidth, chartHeight)
	c.printf("<title id=\"title\">%s</title>\n", escaped(title))
	c.printf("<desc id=\"says\">At most %s jobs waited at once, and %s runners were open. Each step is the most within %s.</desc>\n", readable.Grouped(slices.Max(waiting.values)), readable.Grouped(slices.Max(runners.values)), span(series.Step()))
	c.printf("<style>%s</style>\n", chartStyle)
	c.printf(`<rect class="page" width="%d" height="%d"/>`+"\n", chartWidth, chartHeight)
	c.text("head", plotLeft, 34, title)
	c.text("note", plotLeft, 56, fmt.Sprintf("A simulation, not a measurement. Each step is the most within %s; seed %d.", span(series.Step()), p.Plan.Seed))
	c.panel(waiting, "queue")
	c.panel(runners, "runners")
	c.text("note middle", (plotLeft+plotRight)/2, chartHeight-14, c.axis.title)
	c.printf("</svg>\n")
	_, err := io.WriteString(w, c.b.String())
	return err
}

// chartStyle are the colours, by day and by night.
const chartStyle = `
svg{font-family:system-ui,-apple-system,"Segoe UI",sans-serif;--page:#fff;--ink:#1f2328;--soft:#59636e;--grid:#d8dee4;--queue:#bc4c00;--runners:#0969da}
@media(prefers-color-scheme:dark){svg{--page:#0d1117;--ink:#f0f6fc;--soft:#9198a1;--grid:#30363d;--queue:#f0883e;--runners:#58a6ff}}
.page{fill:var(--page)}text{fill:var(--ink);font-size:13px}.head{font-size:18px;font-weight:600}.note,.tick{fill:var(--soft)}.tick{font-size:12px}
.middle{text-anchor:middle}.end{text-anchor:end}.grid{stroke:var(--grid);stroke-width:1}.limit{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:5 4}
.line{fill:none;stroke-width:1.5}.area{fill-opacity:.18;stroke:none}.queue{stroke:var(--queue);fill:var(--queue)}.runners{stroke:var(--runners);fill:var(--runners)}
.line.queue,.line.runners{fill:none}
`

// longestName is how much of a file's name fits into the title.
const longestName = 56

// shortened is the end of a long name, which is what tells files apart.
func shortened(name string) string {
	runes := []rune(name)
	if len(runes) <= longestName {
		return name
	}
	return "…" + string(runes[len(runes)-longestName+1:])
}

// canvas collects the picture.
type canvas struct {
	b    strings.Builder
	axis axis
}

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(&c.b, format, args...) }

func (c *canvas) text(class string, x, y int, text string) {
	c.printf(`<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, escaped(text))
}

// panel is one measure over time.
type panel struct {
	top    int
	name   string
	values []int
	limit  int // a line across, 0 for none
}

func (c *canvas) panel(p panel, class string) {
	bottom := p.top + plotHeight
	most := max(1, slices.Max(p.values))
	if p.limit > 0 && p.limit <= 2*most {
		most = max(most, p.limit)
	} else {
		p.limit = 0 // too far away to be of interest
	}
	unit, top := scale(most)
	y := func(v int) int { return bottom - v*plotHeight/top }
	c.text("", plotLeft, p.top-14, p.name)
	for v := 0; v <= top; v += unit {
		c.printf(`<line class="grid" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", plotLeft, y(v), plotRight, y(v))
		c.text("tick end", plotLeft-8, y(v)+4, readable.Grouped(v))
	}
	for _, t := range c.axis.ticks {
		c.printf(`<line class="grid" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", t.x, bottom, t.x, bottom+5)
		c.text("tick middle", t.x, bottom+20, t.text)
	}
	x := func(i int) int { return plotLeft + i*(plotRight-plotLeft)/len(p.values) }
	var line strings.Builder
	for i, v := range p.values {
		fmt.Fprintf(&line, "L%d %dH%d", x(i), y(v), x(i+1))
	}
	c.printf(`<path class="area %s" d="M%d %d%sV%dZ"/>`+"\n", class, plotLeft, bottom, line.String(), bottom)
	c.printf(`<path class="line %s" d="M%s"/>`+"\n", class, line.String()[1:])
	if p.limit > 0 {
		c.printf(`<line class="limit" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", plotLeft, y(p.limit), plotRight, y(p.limit))
		c.text("tick end", plotRight, y(p.limit)-5, "max_runners "+readable.Grouped(p.limit))
	}
}

// scale is the distance of the lines of a scale, and its upper end.
func scale(most int) (unit, top int) {
	unit = 1
	for _, next := range []int{2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 50_000} {
		if most <= 4*unit {
			break
		}
		unit = next
	}
	return unit, (most + unit - 1) / unit * unit
}

// axis is the scale of time.
type axis struct {
	title string
	ticks []tick
}

type tick struct {
	x    int
	text string
}

// axis has the jobs' own time if they were recorded, else the time since the first job.
func (p Played) axis(s *stats.Series) axis {
	buckets := s.Buckets()
	from := buckets[0].From
	whole := time.Duration(len(buckets)) * s.Step()
	zero, a := p.From.Add(firstJob), axis{title: "time since the first job, in hours"}
	every := spacing(whole)
	if every >= 12*time.Hour {
		a.title = "time since the first job, in days"
	}
	if every < time.Hour {
		a.title = "time since the first job, in minutes"
	}
	start := p.Plan.Workload.Start
	first := zero
	if !start.IsZero() {
		a.title = "time in UTC"
		first = zero.Add(start.UTC().Truncate(every).Sub(start)) // so that ticks are whole hours of the day
	}
	for at := first; at.Before(from.Add(whole)); at = at.Add(every) {
		if at.Before(from) {
			continue
		}
		x := plotLeft + int(at.Sub(from).Hours()/whole.Hours()*(plotRight-plotLeft))
		a.ticks = append(a.ticks, tick{x, tickText(at.Sub(zero), start, every)})
	}
	return a
}

// spacing is the time between ticks: at most eight of them fit.
func spacing(whole time.Duration) time.Duration {
	for _, d := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour} {
		if whole/d < 8 {
			return d
		}
	}
	return 7 * 24 * time.Hour
}

func tickText(since time.Duration, start time.Time, every time.Duration) string {
	switch at := start.Add(since).UTC(); {
	case !start.IsZero() && every < 24*time.Hour:
		return at.Format("Mon 15:04")
	case !start.IsZero():
		return at.Format("Mon 2 Jan")
	case every >= 12*time.Hour:
		return fmt.Sprint(since.Hours() / 24)
	case every < time.Hour:
		return fmt.Sprint(since.Minutes())
	}
	return fmt.Sprint(since.Hours())
}

// span is a length of time in words.
func span(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // into memory
	return b.String()
}

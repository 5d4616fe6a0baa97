package simulation

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// An expectation is one line of a scenario: a measure, a relation and a number or time,
// such as "tasks <= 6" or "last start <= 10m"; or "every job runs", or "a run says TEXT"
// for a text that at least one run must have shown, as its reason, of its refusal, or of its being run again.
type expectation struct {
	text     string
	measure  string
	relation string
	want     float64
	isTime   bool
	says     string
}

var (
	comparison = regexp.MustCompile(`^(.+?) (<=|>=|==) ([0-9.]+(?:ms|s|m|h)?(?:[0-9.]+(?:s|m))*)$`)
	saying     = regexp.MustCompile(`^a run says (.+)$`)
)

const everyJob = "every job runs"

func parseExpectation(text string) (expectation, error) {
	e := expectation{text: text}
	if text == everyJob {
		return e, nil
	}
	if m := saying.FindStringSubmatch(text); m != nil {
		e.says = m[1]
		return e, nil
	}
	m := comparison.FindStringSubmatch(text)
	if m == nil {
		return e, fmt.Errorf("expectation %q: write %q, \"a run says TEXT\", or a measure, <=, >= or == and a number or time", text, everyJob)
	}
	e.measure, e.relation = m[1], m[2]
	if _, known := measure(e.measure); !known {
		return e, fmt.Errorf("expectation %q: there is no measure %q; there are %s", text, e.measure, strings.Join(measureNames(), ", "))
	}
	if d, err := time.ParseDuration(m[3]); err == nil && m[3] != "0" {
		e.want, e.isTime = d.Seconds(), true
		return e, nil
	}
	var err error
	e.want, err = strconv.ParseFloat(m[3], 64)
	return e, err
}

// expected compares what came with what the scenario expects.
func (j *judge) expected() {
	r := j.w.result()
	for _, text := range j.w.scenario.Expect {
		e, err := parseExpectation(text)
		if err != nil {
			panic(err) // it was checked when it was read
		}
		j.expectation(e, r)
	}
}

func (j *judge) expectation(e expectation, r Result) {
	switch {
	case e.text == everyJob:
		if r.Ran != r.Jobs {
			j.find(ruleExpected, e.text, "%d of %d jobs ran%s", r.Ran, r.Jobs, j.firstReason())
		}
	case e.says != "":
		if !slices.ContainsFunc(j.w.Table.AllRuns(), func(run fleet.Run) bool {
			return strings.Contains(run.Reason+"\n"+run.Notice.String()+"\n"+run.Rerun.String(), e.says)
		}) {
			j.find(ruleExpected, e.text, "no run says %q", e.says)
		}
	default:
		of, _ := measure(e.measure)
		got := of(j.w, r)
		if !holds(got, e.relation, e.want) {
			j.find(ruleExpected, e.text, "%s are %s, want %s %s", e.measure, show(got, e.isTime), e.relation, show(e.want, e.isTime))
		}
	}
}

// firstReason says why the first job that never started did not run.
func (j *judge) firstReason() string {
	for _, job := range j.w.GitHub.Jobs() {
		if run, known := j.runs[fleet.RunID(job.ID)]; !job.Hosted && job.StartedAt.IsZero() {
			return "; of one that did not, " + describe(run, known)
		}
	}
	return ""
}

func holds(got float64, relation string, want float64) bool {
	switch relation {
	case "<=":
		return got <= want
	case ">=":
		return got >= want
	}
	return cmp.Compare(got, want) == 0
}

func show(value float64, isTime bool) string {
	if isTime {
		return (time.Duration(value * float64(time.Second))).Round(time.Second).String()
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

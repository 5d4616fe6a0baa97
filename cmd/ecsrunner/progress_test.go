package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func runNumber(n int, version int64, status fleet.RunStatus) fleet.Run {
	return fleet.Run{RunID: fmt.Sprintf("job-%02d", n), Version: version, Status: status, Job: fleet.Job{Name: "build\x1b[2J"}}
}

func TestProgressPrintsOneLinePerChange(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.show([]fleet.Run{runNumber(1, 1, fleet.RunQueued)})
	p.show([]fleet.Run{runNumber(1, 2, fleet.RunQueued)}) // nothing that is shown has changed
	running := runNumber(1, 4, fleet.RunRunning)
	running.RanOn = "demo-1-1"
	p.show([]fleet.Run{running})
	p.show([]fleet.Run{runNumber(1, 3, fleet.RunStarting)}) // an older record comes late
	done := runNumber(1, 5, fleet.RunCompleted)
	done.Conclusion, done.Reason = "failure", "said\nso"
	p.show([]fleet.Run{done})
	p.close()
	p.show([]fleet.Run{runNumber(2, 1, fleet.RunQueued)}) // too late

	want := regexp.MustCompile(`^ +0\.0s  job-01           build \[2J +QUEUED
 +0\.0s  job-01           build \[2J +RUNNING  on demo-1-1
 +0\.0s  job-01           build \[2J +COMPLETED failure  \(said so\)
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got\n%s", out.String())
	}
}

func TestProgressDrawsOverItself(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.live = true // a terminal whose height is not known
	for n := range mostDrawn + 5 {
		p.show([]fleet.Run{runNumber(n, 1, fleet.RunQueued)})
	}
	out.Reset()
	p.show([]fleet.Run{runNumber(0, 2, fleet.RunCompleted)})

	drawn := out.String()
	if up := fmt.Sprintf("\x1b[%dA\x1b[J", mostDrawn+1); !strings.HasPrefix(drawn, up) {
		t.Errorf("it does not begin with %q: %q", up, drawn)
	}
	if n := strings.Count(drawn, "\n"); n != mostDrawn+1 {
		t.Errorf("%d lines are drawn, want %d runs and their number", n, mostDrawn)
	}
	if strings.Contains(drawn, "job-00") || !strings.Contains(drawn, "job-01") || !strings.Contains(drawn, "job-20") || strings.Contains(drawn, "job-21") {
		t.Errorf("want the first runs that have not ended: %q", drawn)
	}
	if !strings.HasSuffix(drawn, "1 of 25 runs have ended\n") {
		t.Errorf("it does not end with the number of runs: %q", drawn)
	}

	out.Reset()
	p.close()
	if got, want := out.String(), fmt.Sprintf("\x1b[%dA\x1b[J", mostDrawn+1); got != want {
		t.Errorf("close wrote %q, want %q", got, want)
	}
}

func TestProgressShowsWhenARunChanged(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.live = true
	p.started = p.started.Add(-time.Minute)
	p.show([]fleet.Run{runNumber(1, 1, fleet.RunQueued)})
	p.started = p.started.Add(-time.Minute)
	out.Reset()
	p.show([]fleet.Run{runNumber(2, 1, fleet.RunQueued)})
	if !regexp.MustCompile(`60\.\ds  job-01`).MatchString(out.String()) || !regexp.MustCompile(`120\.\ds  job-02`).MatchString(out.String()) {
		t.Errorf("want job-01 at 60 s and job-02 at 120 s: %q", out.String())
	}
}

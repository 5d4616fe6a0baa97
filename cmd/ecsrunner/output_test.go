package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

func TestPlain(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"ordinary text stays":           {"test (ubuntu, größe 2) 構築", "test (ubuntu, größe 2) 構築"},
		"escape sequences lose theirs":  {"a\x1b[31mb\u009b1mc\x7f", "a [31mb 1mc "},
		"lines and columns are spaces":  {"a\nb\tc\r\nd\u2028e", "a b c  d e"},
		"text is not turned around":     {"a\u202etxt.exe", "a txt.exe"},
		"bytes that are no text":        {"a\xffb", "a�b"},
		"what has no width is no trick": {"a\u200bb", "a b"},
	} {
		if got := readable.Plain(c.in); got != c.want {
			t.Errorf("%s: readable.Plain(%q) = %q, want %q", name, c.in, got, c.want)
		}
	}
}

func TestTook(t *testing.T) {
	if got := readable.Took(nil); got != "" {
		t.Errorf("readable.Took(nil) = %q, want nothing", got)
	}
	for ms, want := range map[int64]string{
		0: "0ms", 999: "999ms", 1000: "1.0s", 9940: "9.9s", 10_000: "10s", 61_400: "1m1s", 3_600_000: "1h0m0s", 90 * 60_000: "1h30m0s",
	} {
		if got := readable.Took(&ms); got != want {
			t.Errorf("took(%d ms) = %q, want %q", ms, got, want)
		}
	}
}

func TestNamesInColumns(t *testing.T) {
	for image, want := range map[string]string{
		"base": "base", "": "",
		"image:docker.io/library/node:22-bookworm": "node:22-bookworm",
		"image:docker.io/octo/tools:1":             "octo/tools:1",
		"image:ghcr.io/library/app:2":              "ghcr.io/library/app:2",
	} {
		if got := shortImage(image); got != want {
			t.Errorf("shortImage(%q) = %q, want %q", image, got, want)
		}
	}
	if got := clip(strings.Repeat("ä", 21)); got != strings.Repeat("ä", 19)+"…" {
		t.Errorf("clip of 21 letters = %q", got)
	}
	if got := clip(strings.Repeat("ä", 20)); got != strings.Repeat("ä", 20) {
		t.Errorf("clip of 20 letters = %q", got)
	}
}

func TestColoursOnlyWhereAskedFor(t *testing.T) {
	if colours(&bytes.Buffer{}) {
		t.Error("a buffer is painted")
	}
	if got := paint(false).status(fleet.RunFailed, ""); got != "FAILED" {
		t.Errorf("without colours: %q", got)
	}
	for name, c := range map[string]struct {
		status     fleet.RunStatus
		conclusion string
		want       string
	}{
		"a completed run is green":        {fleet.RunCompleted, "success", "\x1b[32mCOMPLETED\x1b[0m"},
		"one whose job failed is red":     {fleet.RunCompleted, "failure", "\x1b[31mCOMPLETED\x1b[0m"},
		"what the fleet could not is red": {fleet.RunFailed, "", "\x1b[31mFAILED\x1b[0m"},
		"a refused run is yellow":         {fleet.RunRefused, "", "\x1b[33mREFUSED\x1b[0m"},
		"an open run has no colour":       {fleet.RunRunning, "", "RUNNING"},
	} {
		if got := paint(true).status(c.status, c.conclusion); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestClockOfNoTimeIsEmpty(t *testing.T) {
	if got := readable.Clock(time.Time{}, time.Local) + day(time.Time{}); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestNewestSaysThatItIsBounded(t *testing.T) {
	for want, by := range map[string]map[string]int{
		"none yet":      {},
		"COMPLETED 999": {"COMPLETED": 999},
		"COMPLETED 999, FAILED 1 (of the newest 1000)": {"COMPLETED": 999, "FAILED": 1},
	} {
		if got := newest(by); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

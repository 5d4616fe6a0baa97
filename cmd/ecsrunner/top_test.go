package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/top"
)

func neverResized() (<-chan os.Signal, func()) { return nil, func() {} }

// TestTopOnATerminal draws again and again, outlives a read that fails, and leaves the
// terminal as it was.
func TestTopOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, interrupt := context.WithCancel(t.Context())
		reads := 0
		err := topScreen{w: &out, live: true, resized: neverResized}.watch(ctx, time.Minute, func(context.Context) (top.Moment, error) {
			switch reads++; reads {
			case 2:
				return top.Moment{}, errors.New("database is locked\x1b[31m")
			case 4:
				interrupt()
			}
			return top.Moment{FleetName: "ci", OpenRunners: reads}, nil
		})
		text := out.String()
		if err != nil || reads != 4 {
			t.Errorf("%d reads, %v", reads, err)
		}
		pages := strings.Split(text, "\x1b[H")
		if len(pages) < 4 || !strings.Contains(pages[1], "1 of 0 runners open") || !strings.Contains(pages[2], "1 of 0 runners open") || !strings.Contains(pages[2], "not read again: database is locked") ||
			!strings.Contains(pages[3], "3 of 0 runners open") || strings.Contains(pages[3], "not read again") {
			t.Errorf("pages %q", pages)
		}
		if strings.Contains(text, "\x1b[31m") {
			t.Errorf("an error's text controls the terminal: %q", text)
		}
		if !strings.HasPrefix(text, "\x1b[?1049h\x1b[?25l") || !strings.HasSuffix(text, "\x1b[?25h\x1b[?1049l") {
			t.Errorf("the terminal is not left as it was: %q", text)
		}
	})
}

func TestTopThatCannotReadAtAll(t *testing.T) {
	var out bytes.Buffer
	failed := errors.New("there is no table")
	err := topScreen{w: &out, live: true, resized: neverResized}.watch(t.Context(), time.Minute, func(context.Context) (top.Moment, error) { return top.Moment{}, failed })
	if !errors.Is(err, failed) || out.Len() != 0 {
		t.Errorf("%v, wrote %q", err, out.String())
	}
}

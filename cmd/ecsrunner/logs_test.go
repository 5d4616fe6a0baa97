package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// looks are the new lines at each look at a log, and the look at which its runner is
// over.
type looks struct {
	lines  [][]string
	over   int
	err    error // of a look after the last one
	look   int
	finals []bool
}

func (l *looks) log() liveLog {
	return liveLog{
		over: func(context.Context) (bool, error) { return l.look >= l.over, nil },
		read: func(_ context.Context, final bool, line func(string) error) (int, error) {
			l.finals = append(l.finals, final)
			if l.look >= len(l.lines) {
				return 0, l.err
			}
			for _, text := range l.lines[l.look] {
				if err := line(text); err != nil {
					return 0, err
				}
			}
			return len(l.lines[l.look]), nil
		},
		pace: 2 * time.Second, late: 2,
	}
}

func TestFollow(t *testing.T) {
	denied := errors.New("denied")
	for name, c := range map[string]struct {
		looks  looks
		want   string
		err    error
		finals []bool
	}{
		"goes on while the runner runs": {
			looks{lines: [][]string{{"a"}, {}, {"b", "c"}, {}, {"d"}}, over: 4}, "a b c d", nil,
			[]bool{false, false, false, false, false, false, true},
		},
		"waits for what comes late": {
			looks{lines: [][]string{{"a"}, {}, {"late"}}, over: 1}, "a late", nil,
			[]bool{false, false, true, false, true},
		},
		"ends at once if all was over": {
			looks{lines: [][]string{{}}}, "", nil,
			[]bool{false, true},
		},
		"says what goes wrong": {
			looks{lines: [][]string{{"a"}}, over: 9, err: denied}, "a", denied,
			[]bool{false, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			err := follow(t.Context(), c.looks.log(), func(s string) error { got = append(got, s); return nil }, func(_ context.Context, d time.Duration) {
				if c.looks.look++; d != 2*time.Second {
					t.Errorf("waits %s", d)
				}
			})
			if strings.Join(got, " ") != c.want || !errors.Is(err, c.err) || !slices.Equal(c.looks.finals, c.finals) {
				t.Errorf("lines %q, %v, final calls %v; want %q, %v, %v", got, err, c.looks.finals, c.want, c.err, c.finals)
			}
		})
	}
}

// Ctrl-C is how people end it.
func TestFollowIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	endless := &looks{over: 1 << 30, err: context.Canceled, lines: [][]string{{"a"}}}
	err := follow(ctx, endless.log(), func(string) error { return nil }, func(context.Context, time.Duration) { endless.look++; stop() })
	if err != nil || endless.look != 1 {
		t.Errorf("%v after %d looks", err, endless.look)
	}
}

func TestReadFileGoesOnWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteString(text)
		}
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	keep := func(s string) error { got = append(got, s); return nil }
	write("one\ntwo\nthr")
	n, at, err := readFile(path, 0, false, keep)
	if n != 2 || err != nil {
		t.Fatalf("%d lines, %v; want two, and the third when it has ended", n, err)
	}
	write("ee\nlast")
	if n, at, err = readFile(path, at, false, keep); n != 1 || err != nil {
		t.Fatalf("%d lines, %v; want the third", n, err)
	}
	if n, at, err = readFile(path, at, true, keep); n != 1 || err != nil {
		t.Fatalf("%d lines, %v; want the last, which never ends", n, err)
	}
	if n, _, err = readFile(path, at, true, keep); n != 0 || err != nil {
		t.Fatalf("%d lines, %v; want no more", n, err)
	}
	if want := []string{"one", "two", "three", "last"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A pipe gets what the runner wrote, a terminal nothing that it would obey.
func TestLinesOfStrangers(t *testing.T) {
	const line = "\x1b]0;title\x07red\x1b[31m"
	for name, c := range map[string]struct {
		terminal bool
		want     string
	}{
		"to a pipe":     {false, line + "\n"},
		"to a terminal": {true, " ]0;title red [31m\n"},
	} {
		var out bytes.Buffer
		if err := linesTo(&out, c.terminal)(line); err != nil || out.String() != c.want {
			t.Errorf("%s: %q, %v; want %q", name, out.String(), err, c.want)
		}
	}
}

func TestWhyARunnerOnAWSHasNoLog(t *testing.T) {
	const task = "arn:aws:ecs:us-east-1:123456789012:task/ci/0a1b"
	for want, r := range map[string]report.Runner{
		"runner r has no log yet: it has no task yet; --follow waits for it":                                {Phase: fleet.Open},
		"runner r has no log: it had no task":                                                               {Phase: fleet.Closed},
		"runner r has no log yet: its task is PENDING; --follow waits for it":                               {TaskARN: task, TaskStatus: "PENDING"},
		"runner r has no log: its container never started, or the log is older than the log group keeps it": {TaskARN: task, TaskStatus: fleet.TaskStopped},
	} {
		r.RunnerID = "r"
		if err := noLog(r, true); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if err := noLog(r, false); err != nil {
			t.Errorf("before the end: %v", err)
		}
	}
}

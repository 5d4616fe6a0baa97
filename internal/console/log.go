package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

const (
	// mostLines bounds the lines of a log that a page has, the last ones.
	mostLines = 1000
	// longestLine bounds a line, in characters.
	longestLine = 2000
	// logPace is the time between two looks at a log.
	logPace = 2 * time.Second
)

// logView is the end of a runner's log.
type logView struct {
	RunnerID string
	Lines    []string
	Cut      int // lines before them
	None     string
	Live     string // where the rest comes from, "" if it is over
	Whole    string // where it is as text
}

func (c *Console) logView(ctx context.Context, runnerID string, over bool) logView {
	v := logView{RunnerID: runnerID, Whole: "/runners/" + url.PathEscape(runnerID) + "/log"}
	if !over {
		v.Live = v.Whole + "?live=1"
	}
	log, err := c.OpenLog(ctx, runnerID)
	if err != nil {
		v.None = err.Error()
		return v
	}
	tail := tail{most: mostLines}
	if _, err := log.Read(ctx, over, tail.add); err != nil {
		v.None = err.Error()
	}
	v.Lines, v.Cut = tail.lines(), tail.cut()
	if len(v.Lines) == 0 && v.None == "" {
		v.None = "Nothing was written yet."
	}
	return v
}

// tail keeps the last lines.
type tail struct {
	most int
	kept []string
	n    int
}

func (t *tail) add(line string) error {
	if len(t.kept) < t.most {
		t.kept = append(t.kept, cleanLine(line))
	} else {
		t.kept[t.n%t.most] = cleanLine(line)
	}
	t.n++
	return nil
}

func (t *tail) cut() int { return max(0, t.n-t.most) }

func (t *tail) lines() []string {
	if t.n <= t.most {
		return t.kept
	}
	at := t.n % t.most
	return append(append([]string{}, t.kept[at:]...), t.kept[:at]...)
}

// escapes are control sequences for terminals (ECMA-48).
var escapes = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])`)

// cleanLine is a line of a log that strangers control, as text: without what would not
// print, and not longer than a page can bear.
func cleanLine(line string) string {
	size := len(line)
	text := fleet.ClipBytes(line, 8*longestLine)
	text = escapes.ReplaceAllString(strings.ReplaceAll(text, "\t", "    "), "")
	text = strings.TrimRight(readable.Plain(strings.ToValidUTF8(text, "\ufffd")), " ")
	if shown := fleet.Clip(text, longestLine); shown != text || size > 8*longestLine {
		return shown + fmt.Sprintf(" (the line has %d bytes)", size)
	}
	return text
}

// serveLog serves a log as text, or with ?live as a stream of its lines.
func (c *Console) serveLog(w http.ResponseWriter, r *http.Request) {
	if c.OpenLog == nil {
		http.Error(w, "logs are not shown here", http.StatusNotFound)
		return
	}
	log, err := c.OpenLog(r.Context(), r.PathValue("id"))
	if err != nil {
		http.Error(w, say(err.Error()), http.StatusNotFound)
		return
	}
	if r.URL.Query().Has("live") {
		c.followLog(w, r, log)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err = log.Read(r.Context(), true, func(line string) error {
		extend(w, longestAnswer)
		_, err := fmt.Fprintln(w, cleanLine(line))
		return err
	})
	if err != nil {
		fmt.Fprintln(w, say(err.Error()))
	}
}

// followLog streams a log from its last lines on, until it is over.
func (c *Console) followLog(w http.ResponseWriter, r *http.Request, log Log) {
	if !c.live.join() {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer c.live.leave()
	s, err := newStream(w)
	if err != nil {
		return
	}
	ctx := r.Context()
	for first := true; ; first = false {
		over, err := log.Over(ctx)
		tail := tail{most: mostLines}
		if err == nil {
			_, err = log.Read(ctx, over, tail.add)
		}
		if first {
			s.event("begin", map[string]int{"cut": tail.cut()})
		}
		if len(tail.kept) > 0 {
			s.event("lines", tail.lines())
		} else {
			s.event("alive", struct{}{})
		}
		switch {
		case err != nil:
			s.event("end", map[string]string{"says": say(err.Error())})
		case over:
			s.event("end", map[string]string{"says": "The runner has ended."})
		}
		if s.flush() != nil || over || err != nil {
			return
		}
		select {
		case <-time.After(logPace):
		case <-ctx.Done():
			return
		case <-c.Done:
			return
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// printJSON writes v for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table writes rows under a header, in columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(toAny(columns)...)
	return t
}

func (t table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		if texts[i] = plain(fmt.Sprint(cell)); texts[i] == "" {
			texts[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(texts, "\t"), " "))
}

func (t table) flush() error { return t.w.Flush() }

func toAny(texts []string) []any {
	cells := make([]any, len(texts))
	for i, text := range texts {
		cells[i] = text
	}
	return cells
}

// plain takes out of a stranger's text what does not print, so that it can
// neither break a table nor speak to a terminal nor turn its line around.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// widest is the most letters of a stranger's text in a column, so that a table
// fits 160 of them.
const widest = 20

func clip(s string) string {
	if r := []rune(s); len(r) > widest {
		return string(r[:widest-1]) + "…"
	}
	return s
}

// shortImage leaves out of an image's name what goes without saying.
func shortImage(image string) string {
	name, ok := strings.CutPrefix(image, "image:")
	if !ok {
		return image
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
}

// isTerminal tells whether w is one that may be written over.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

// heightOf is the number of lines of a terminal, 0 if that cannot be told.
func heightOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Row)
}

// paint colours text for a terminal, unless NO_COLOR says not to
// (https://no-color.org).
type paint bool

func colours(w io.Writer) paint { return paint(isTerminal(w) && os.Getenv(noColorVar) == "") }

func (p paint) status(s fleet.RunStatus, conclusion string) string {
	code := ""
	switch {
	case s == fleet.RunFailed, s == fleet.RunCompleted && conclusion == "failure":
		code = "31" // red
	case s == fleet.RunCompleted:
		code = "32" // green
	case s == fleet.RunRefused, s == fleet.RunCancelled:
		code = "33" // yellow
	}
	if !p || code == "" {
		return string(s)
	}
	return "\x1b[" + code + "m" + string(s) + "\x1b[0m"
}

// byGitHub shows what GitHub has timed, which it does in whole seconds.
func byGitHub(ms *int64) string {
	if ms != nil && *ms < 1000 {
		return "<1s"
	}
	return took(ms)
}

// took shows milliseconds for people.
func took(ms *int64) string {
	if ms == nil {
		return ""
	}
	d := time.Duration(*ms) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", *ms)
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

func day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("15:04:05.000")
}

package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// printJSON writes v for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// widest is the most letters of a stranger's text in a column, so that a table fits 160
// columns.
const widest = 20

func clip(s string) string {
	if r := []rune(s); len(r) > widest {
		return string(r[:widest-1]) + "…"
	}
	return s
}

// shortImage removes the obvious part of an image's name.
func shortImage(image string) string {
	name, ok := strings.CutPrefix(image, "image:")
	if !ok {
		return image
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
}

// isTerminal reports whether w is a terminal that may be written over.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
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

func day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

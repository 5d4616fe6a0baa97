package main

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// printJSON writes v for programs, or what --jq makes of it.
func printJSON(w io.Writer, v any) error {
	if q, ok := w.(queried); ok {
		return q.print(v)
	}
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

// paint reports whether text is coloured.
type paint bool

func (p paint) status(s fleet.RunStatus, conclusion string) string {
	code := colourOf(s, conclusion)
	if !p || code == "" {
		return string(s)
	}
	return "\x1b[" + code + "m" + string(s) + "\x1b[0m"
}

// colourOf is how a status is coloured, as in ECMA-48.
func colourOf(s fleet.RunStatus, conclusion string) string {
	switch {
	case s == fleet.RunFailed, s == fleet.RunCompleted && conclusion == "failure":
		return "31" // red
	case s == fleet.RunCompleted:
		return "32" // green
	case s == fleet.RunRefused, s == fleet.RunCancelled, s == fleet.RunRetrying:
		return "33" // yellow
	}
	return ""
}

func day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

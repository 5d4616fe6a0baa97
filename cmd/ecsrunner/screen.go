package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// usualWidth is the width of a terminal that does not say its own.
const usualWidth = 80

// isTerminal reports whether w is a terminal that may be written over.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// screenOf is what a list is written for. A dumb terminal is one for people, too.
func screenOf(w io.Writer) readable.Screen {
	screen := readable.Screen{Colour: bool(colours(w))}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		screen.Width = usualWidth
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			screen.Width = width
		} else if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
			screen.Width = width
		}
	}
	return screen
}

// heightOf is the number of lines of a terminal, 0 if it is not known.
func heightOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	_, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return height
}

// colours reports whether to colour: on a terminal, or wherever CLICOLOR_FORCE says so, and
// nowhere if NO_COLOR or CLICOLOR=0 does (https://no-color.org, https://bixense.com/clicolors).
func colours(w io.Writer) paint {
	if os.Getenv(noColorVar) != "" || os.Getenv("CLICOLOR") == "0" {
		return false
	}
	forced := os.Getenv(forceColorVar)
	return paint(isTerminal(w) || forced != "" && forced != "0")
}

package readable

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Screen is what a list is written for.
type Screen struct {
	// Width is that of the terminal in columns. 0 is no terminal: a program reads the list,
	// so that it has no header, its cells stand between tabs, and nothing is cut.
	Width  int
	Colour bool
}

// Terminal reports whether people read the list as it is written.
func (s Screen) Terminal() bool { return s.Width > 0 }

// Column is one column of a list.
type Column struct {
	Name string
	// Least is how wide the column is at least, if its cells are cut; 0 is for cells that
	// are never cut, such as ids, which people copy.
	Least int
	// Drop says when the column is left out of a list that does not fit: the greatest first,
	// and 0 never.
	Drop int
}

// List writes rows in columns that fit a screen.
type List struct {
	w       io.Writer
	screen  Screen
	columns []Column
	rows    [][]cell
}

type cell struct {
	text string
	sgr  string // of ECMA-48: 31 is red; "" is no colour
}

// Coloured is a cell in a colour, which has no effect on a screen without colours.
type Coloured struct {
	Text any
	SGR  string
}

// NewList begins a list.
func NewList(w io.Writer, screen Screen, columns ...Column) *List {
	return &List{w: w, screen: screen, columns: columns}
}

// unlimited is a width that nothing exceeds.
const unlimited = 1 << 20

// NewPage begins a list that is a part of a page: it has its header in a pipe as well.
func NewPage(w io.Writer, screen Screen, columns ...Column) *List {
	if !screen.Terminal() {
		screen.Width = unlimited
	}
	return NewList(w, screen, columns...)
}

// Row adds a row, a cell for each column.
func (l *List) Row(cells ...any) {
	row := make([]cell, len(l.columns))
	for i := range row {
		c, ok := cells[i].(Coloured)
		if !ok {
			c.Text = cells[i]
		}
		row[i] = cell{strings.TrimSpace(Plain(fmt.Sprint(c.Text))), c.SGR}
	}
	l.rows = append(l.rows, row)
}

// Flush writes the list, and nothing if it has no rows.
func (l *List) Flush() error {
	if len(l.rows) == 0 {
		return nil
	}
	var text strings.Builder
	if !l.screen.Terminal() {
		for _, row := range l.rows {
			for i, c := range row {
				if i > 0 {
					text.WriteByte('\t')
				}
				text.WriteString(l.paint(c, c.text))
			}
			text.WriteByte('\n')
		}
		_, err := io.WriteString(l.w, text.String())
		return err
	}
	widths := l.fit()
	header := make([]cell, len(l.columns))
	for i, column := range l.columns {
		header[i].text = column.Name
	}
	for _, row := range append([][]cell{header}, l.rows...) {
		text.WriteString(l.line(row, widths))
		text.WriteByte('\n')
	}
	_, err := io.WriteString(l.w, text.String())
	return err
}

// gap is what stands between two columns.
const gap = "  "

// line writes a row, in which a column without a width is left out.
func (l *List) line(row []cell, widths []int) string {
	var line strings.Builder
	pad := 0
	for i, c := range row {
		if widths[i] == 0 {
			continue
		}
		shown := cut(orDash(c.text), widths[i])
		line.WriteString(strings.Repeat(" ", pad))
		if line.Len() > 0 {
			line.WriteString(gap)
		}
		line.WriteString(l.paint(c, shown))
		pad = widths[i] - Width(shown)
	}
	return line.String()
}

func (l *List) paint(c cell, text string) string {
	if c.sgr == "" || !l.screen.Colour || text == "" {
		return text
	}
	return "\x1b[" + c.sgr + "m" + text + "\x1b[0m"
}

// fit chooses the widths of columns: 0 of those that are left out.
func (l *List) fit() (widths []int) {
	want, least := make([]int, len(l.columns)), make([]int, len(l.columns))
	shown := make([]bool, len(l.columns))
	for i, column := range l.columns {
		want[i], shown[i] = Width(column.Name), false
		for _, row := range l.rows {
			want[i] = max(want[i], Width(orDash(row[i].text)))
			shown[i] = shown[i] || row[i].text != "" || column.Drop == 0 // an empty column says nothing
		}
		if least[i] = want[i]; column.Least > 0 {
			least[i] = min(want[i], max(column.Least, Width(column.Name)))
		}
	}
	room := func(of []int) int { // that is left on the screen
		left := l.screen.Width + len(gap)
		for i, width := range of {
			if shown[i] {
				left -= width + len(gap)
			}
		}
		return left
	}
	for room(least) < 0 {
		drop := -1
		for i, column := range l.columns {
			if shown[i] && column.Drop > 0 && (drop < 0 || column.Drop > l.columns[drop].Drop) {
				drop = i
			}
		}
		if drop < 0 {
			break // what is never left out is wider than the screen
		}
		shown[drop] = false
	}
	widths = slices.Clone(least)
	for spare := room(least); spare > 0; spare-- { // a column at a time, to the narrowest that is cut
		narrow := -1
		for i := range widths {
			if shown[i] && widths[i] < want[i] && (narrow < 0 || widths[i] < widths[narrow]) {
				narrow = i
			}
		}
		if narrow < 0 {
			break
		}
		widths[narrow]++
	}
	for i := range widths {
		if !shown[i] {
			widths[i] = 0
		}
	}
	return widths
}

// Width is how many columns of a terminal a text takes. Characters of East Asia and emoji
// take two.
func Width(s string) int { return displaywidth.String(s) }

// cut shortens a text to a width, with an ellipsis.
func cut(s string, width int) string {
	if len(s) <= width && utf8.RuneCountInString(s) == len(s) || Width(s) <= width {
		return s
	}
	return displaywidth.TruncateString(s, width, "…")
}

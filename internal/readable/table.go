// Package readable shows what the fleet reports to people: in tables, fields and traces.
//
// Names and reasons are strangers' text: characters in it that do not print never reach
// a terminal.
package readable

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Table writes rows under a header, in columns.
type Table struct{ w *tabwriter.Writer }

// NewTable begins a table with its header.
func NewTable(w io.Writer, columns ...string) Table {
	t := Table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.Row(toAny(columns)...)
	return t
}

// Row adds a row; an empty cell is shown as a dash.
func (t Table) Row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		if texts[i] = Plain(fmt.Sprint(cell)); texts[i] == "" {
			texts[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(texts, "\t"), " "))
}

// Flush writes the table.
func (t Table) Flush() error { return t.w.Flush() }

func toAny(texts []string) []any {
	cells := make([]any, len(texts))
	for i, text := range texts {
		cells[i] = text
	}
	return cells
}

// Plain removes from a stranger's text what does not print, so that it can neither
// break a table, nor control a terminal, nor reverse its line.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

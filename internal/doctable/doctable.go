// Package doctable writes tables of measured figures into the docs, each between two
// comments with its name: what stands there is never typed by hand.
package doctable

import (
	"fmt"
	"os"
	"strings"
)

// Table is a table in Markdown.
type Table struct {
	lines []string
	note  string
}

// New is a table without rows.
func New(columns ...string) *Table {
	t := &Table{}
	t.Row(columns...)
	t.lines = append(t.lines, "|"+strings.Repeat(" --- |", len(columns)))
	return t
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.lines = append(t.lines, "| "+strings.Join(cells, " | ")+" |") }

// Note is a line below the table.
func (t *Table) Note(format string, args ...any) { t.note = fmt.Sprintf(format, args...) }

func (t *Table) String() string {
	text := strings.Join(t.lines, "\n") + "\n"
	if t.note != "" {
		text += "\n" + t.note + "\n"
	}
	return text
}

// Write replaces what stands in a page between the comments of that name.
func (t *Table) Write(page, name string) error {
	doc, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, found := strings.Cut(string(doc), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the table %q: write %s%s where it belongs", page, name, begin, end)
	}
	return os.WriteFile(page, []byte(before+begin+t.String()+end+after), 0o644)
}

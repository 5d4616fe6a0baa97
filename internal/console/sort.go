package console

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// column is the head of a column. Lists that are complete are sorted by the address:
// sort=NAME, or sort=-NAME for the other direction.
type column[T any] struct {
	Text, Class string
	name        string // in the address, "" for a column that does not sort
	compare     func(a, b T) int
	largest     bool // of a number or a time people want the largest first
}

// head is a column as a page shows it.
type head struct {
	Text, Class string
	Href        string // sorts by it, "" if nothing does
	Sorted      string // as aria-sort has it
}

// sorted sorts rows by what an address asks for, and makes the heads. Rows stay as they are
// if it asks for nothing that there is. href is the address with another value of sort.
func sorted[T any](rows []T, by string, columns []column[T], href func(by string) string) []head {
	name, down := strings.CutPrefix(by, "-")
	var heads []head
	for _, c := range columns {
		h := head{Text: c.Text, Class: c.Class}
		if c.compare != nil {
			first, other := c.name, "-"+c.name
			if c.largest {
				first, other = other, first
			}
			h.Href = href(first)
			if name == c.name {
				h.Sorted = "ascending"
				if down {
					h.Sorted = "descending"
				}
				if by == first {
					h.Href = href(other)
				}
				slices.SortStableFunc(rows, func(a, b T) int {
					if down {
						a, b = b, a
					}
					return c.compare(a, b)
				})
			}
		}
		heads = append(heads, h)
	}
	return heads
}

// unsorted makes the heads of a list that is not complete.
func unsorted[T any](columns []column[T]) (heads []head) {
	for _, c := range columns {
		heads = append(heads, head{Text: c.Text, Class: c.Class})
	}
	return heads
}

func byText[T any](text func(T) string) func(a, b T) int {
	return func(a, b T) int {
		return cmp.Or(cmp.Compare(strings.ToLower(text(a)), strings.ToLower(text(b))), cmp.Compare(text(a), text(b)))
	}
}

func byNumber[T any, N cmp.Ordered](number func(T) N) func(a, b T) int {
	return func(a, b T) int { return cmp.Compare(number(a), number(b)) }
}

func byTime[T any](at func(T) time.Time) func(a, b T) int {
	return func(a, b T) int { return at(a).Compare(at(b)) }
}

// known is a number of milliseconds, -1 if there is none.
func known(ms *int64) int64 {
	if ms == nil {
		return -1
	}
	return *ms
}

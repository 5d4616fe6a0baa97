package github

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"strings"
)

// list yields what the pages of a list hold, page by page as they are asked
// for. An error is the last thing it yields. P is what a page looks like.
func list[P, T any](ctx context.Context, c *Client, first resource, items func(P) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for next := first; next.path != ""; {
			var page P
			header, err := c.do(ctx, http.MethodGet, next, nil, &page)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items(page) {
				if !yield(item, nil) {
					return
				}
			}
			if next.path, err = c.nextPage(header); err != nil {
				yield(none, fmt.Errorf("list %s: %w", first.bare(), err))
				return
			}
		}
	}
}

var linkNext = regexp.MustCompile(`<([^>]*)>;\s*rel="next"`)

// nextPage returns the path of the following page, or "" after the last. The
// Link header holds whole addresses; one outside this API is refused, because
// the credential would follow it.
func (c *Client) nextPage(h http.Header) (string, error) {
	match := linkNext.FindStringSubmatch(h.Get("Link"))
	if match == nil {
		return "", nil
	}
	next, ok := strings.CutPrefix(match[1], c.base+"/")
	if !ok {
		return "", fmt.Errorf("the next page is %q, outside of %s", match[1], c.base)
	}
	return "/" + next, nil
}

package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
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

// page asks for one page of a list, on the condition that it has changed: GitHub
// sends nothing if it has not, and does not count the request for the limit of the
// hour. The condition holds only for the token that got the earlier answer.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
func page[P, T any](ctx context.Context, c *Client, first resource, was fleet.Page[T], items func(P) []T) (fleet.Page[T], error) {
	var token Token
	if !first.app {
		var err error
		if token, err = c.token(ctx, first.want); err != nil {
			return fleet.Page[T]{}, err
		}
	}
	at := first
	at.path, at.token = cmp.Or(was.Path, first.path), token
	credential := credentialName(token.Value)
	if was.Credential == credential && !first.app {
		at.unless = was.ETag
	}
	var answer P
	header, err := c.do(ctx, http.MethodGet, at, nil, &answer)
	if refused(err) && !first.app {
		if another, gone := c.token(ctx, first.want); gone == nil && another.Value != token.Value {
			at.token, at.unless, credential = another, "", credentialName(another.Value)
			header, err = c.do(ctx, http.MethodGet, at, nil, &answer)
		}
	}
	if errors.Is(err, errNotModified) {
		was.Unchanged = true
		return was, nil
	}
	if err != nil {
		return fleet.Page[T]{}, err
	}
	next, err := c.nextPage(header)
	if err != nil {
		return fleet.Page[T]{}, fmt.Errorf("list %s: %w", first.bare(), err)
	}
	now := fleet.Page[T]{Path: was.Path, Next: next, Items: items(answer)}
	if etag := header.Get("ETag"); etag != "" && !first.app {
		now.Credential, now.ETag = credential, etag
	}
	return now, nil
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

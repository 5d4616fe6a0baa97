package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostPages limits a list: GitHub ends a filtered list of workflow runs after 1,000.
const mostPages = 20

// pageCursor keeps page n of a list, with what the sweep needs of its items.
func pageCursor(list string, n int) string { return "page/" + list + "/" + strconv.Itoa(n) }

// keptPage is a page in the table, with the policy that picked its items.
type keptPage[T any] struct {
	fleet.Page[T]
	Policy string `json:"policy"`
}

// pages goes through the pages of a list. It requests each page on the condition that
// it differs from the kept one. keep picks items; once deal has dealt with all of them,
// the page is kept. pages returns how many pages there were.
func pages[T any](ctx context.Context, s *sweep, list string, ask func(was fleet.Page[T]) (fleet.Page[T], error), keep func(T) bool, deal func(T) error) (int, error) {
	var failed []error
	next := ""
	for n := range mostPages {
		was, err := s.kept(ctx, pageCursor(list, n))
		if err != nil {
			return n, errors.Join(append(failed, err)...)
		}
		var known keptPage[T]
		if json.Unmarshal([]byte(was), &known) != nil || known.Path != next || known.Policy != s.policy {
			known.Page = fleet.Page[T]{Path: next} // another page was there, or its items were picked otherwise
		}
		page, err := ask(known.Page)
		if err != nil {
			return n, errors.Join(append(failed, err)...)
		}
		if !page.Unchanged {
			page.Items = slices.DeleteFunc(page.Items, func(item T) bool { return !keep(item) })
		}
		err = each(page.Items, deal)
		if err == nil && !page.Unchanged && page.ETag != "" {
			err = s.keep(ctx, pageCursor(list, n), keptPage[T]{page, s.policy})
		}
		failed = append(failed, err)
		if next = page.Next; next == "" || hopeless(err) {
			return n + 1, errors.Join(failed...)
		}
	}
	return mostPages, errors.Join(failed...)
}

func (s *sweep) kept(ctx context.Context, cursor string) (string, error) {
	return s.Records.Cursor(ctx, cursor)
}

func (s *sweep) keep(ctx context.Context, cursor string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode cursor %s: %w", cursor, err)
	}
	return s.Records.PutCursor(ctx, cursor, string(encoded))
}

// forget deletes the pages of a list that will not be requested again.
func (s *sweep) forget(ctx context.Context, list string, pages int) error {
	for n := range pages {
		if err := s.Records.PutCursor(ctx, pageCursor(list, n), ""); err != nil {
			return err
		}
	}
	return nil
}

func all[T any](T) bool { return true }

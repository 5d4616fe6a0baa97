package fleet

import "iter"

// Page is GitHub's last answer for one page of a list, used to ask whether it has
// changed.
type Page[T any] struct {
	Path       string `json:"path,omitempty"` // where it is; "" means the first one
	Credential string `json:"credential,omitempty"`
	ETag       string `json:"etag,omitempty"` // of that credential's answer; "" if there was none
	Next       string `json:"next,omitempty"` // where the next one is; "" after the last
	Items      []T    `json:"items,omitempty"`
	// Unchanged is set if the answer says that the page has not changed.
	Unchanged bool `json:"-"`
}

// ActiveStatuses are the statuses of workflow runs that may have a job that waits or
// runs.
var ActiveStatuses = []string{"queued", "in_progress", "waiting", "pending"}

// AllPages yields the items of a list and asks for its pages one by one. After an error
// it yields nothing more.
func AllPages[T any](ask func(was Page[T]) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for next, first := "", true; first || next != ""; first = false {
			page, err := ask(Page[T]{Path: next})
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			next = page.Next
		}
	}
}

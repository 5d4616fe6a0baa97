package table

import "sync"

// NewShared returns an empty table for many goroutines at once, which no simulated world has.
func NewShared() *Store {
	var mu sync.Mutex
	s := New()
	s.Call = func(_ string, effect func() error) error {
		mu.Lock()
		defer mu.Unlock()
		return effect()
	}
	return s
}

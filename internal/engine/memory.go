package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

// MemoryStore is a Store for tests, and the model for others.
type MemoryStore struct {
	mu   sync.Mutex
	kept map[string]*kept
}

type kept struct {
	record Record
	events []Event
}

func NewMemoryStore() *MemoryStore { return &MemoryStore{kept: map[string]*kept{}} }

func (m *MemoryStore) Create(_ context.Context, r Record, events []Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept[r.Name] != nil {
		return ErrExecutionAlreadyExists
	}
	m.kept[r.Name] = &kept{r, slices.Clone(events)}
	return nil
}

func (m *MemoryStore) Save(_ context.Context, r Record, events []Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kept[r.Name]
	if k == nil || k.record.Revision != r.Revision-1 {
		return ErrConflict
	}
	k.record = r
	k.events = append(k.events, events...)
	return nil
}

func (m *MemoryStore) Load(_ context.Context, name string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kept[name]
	if k == nil {
		return Record{}, fmt.Errorf("%q: %w", name, ErrExecutionDoesNotExist)
	}
	return k.record, nil
}

func (m *MemoryStore) List(_ context.Context, status Status, limit int) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Record
	for _, k := range m.kept {
		if status == "" || k.record.Status == status {
			list = append(list, k.record)
		}
	}
	slices.SortFunc(list, func(a, b Record) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(a.Name, b.Name))
	})
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return list, nil
}

func (m *MemoryStore) History(_ context.Context, name string) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kept[name]
	if k == nil {
		return nil, fmt.Errorf("%q: %w", name, ErrExecutionDoesNotExist)
	}
	return slices.Clone(k.events), nil
}

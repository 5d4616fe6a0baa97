package table

import (
	"cmp"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// index is records in an order; equal ones are ordered by id.
type index struct {
	entries []entry
	orders  map[string]string // of each id that is in it
}

type entry struct{ order, id string }

func newIndex() *index { return &index{orders: map[string]string{}} }

// set puts a record in its place, or takes it out.
func (x *index) set(id, order string, is bool) {
	was, had := x.orders[id]
	if had && is && was == order {
		return
	}
	if had {
		i := x.place(entry{was, id})
		x.entries = slices.Delete(x.entries, i, i+1)
		delete(x.orders, id)
	}
	if is {
		at := entry{order, id}
		x.entries = slices.Insert(x.entries, x.place(at), at)
		x.orders[id] = order
	}
}

func (x *index) place(of entry) int {
	i, _ := slices.BinarySearchFunc(x.entries, of, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	return i
}

// first are up to limit records.
func (x *index) first(limit int) (ids []string) {
	for _, e := range x.entries[:min(limit, len(x.entries))] {
		ids = append(ids, e.id)
	}
	return ids
}

// upTo are up to limit records up to an order.
func (x *index) upTo(order string, limit int) []string {
	after, _ := slices.BinarySearchFunc(x.entries, order, func(e entry, order string) int {
		if e.order <= order {
			return -1
		}
		return 1
	})
	return x.first(min(limit, after))
}

// waitLists are the lists of waiting runs.
type waitLists struct {
	lists map[string]*index
	in    map[string]*index // each run's
}

func newWaitLists() waitLists {
	return waitLists{lists: map[string]*index{}, in: map[string]*index{}}
}

// put moves a run to its list, or out of all.
func (w waitLists) put(run fleet.Run) {
	name, order := run.WaitList()
	list := w.list(name)
	if was := w.in[run.RunID]; was != nil && was != list {
		was.set(run.RunID, "", false)
	}
	list.set(run.RunID, order, name != "")
	w.in[run.RunID] = list
}

func (w waitLists) list(name string) *index {
	if w.lists[name] == nil {
		w.lists[name] = newIndex()
	}
	return w.lists[name]
}

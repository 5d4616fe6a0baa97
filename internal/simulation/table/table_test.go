package table_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return table.NewShared() })
}

func TestTransactionsThatOverlapConflict(t *testing.T) {
	s := table.New()
	busy := map[string]bool{"capacity": true}
	s.Busy = func(record string) bool { return busy[record] }
	write := func() error {
		return s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{{RunID: "job-1"}}, Capacity: &fleet.Capacity{Open: 1}})
	}
	if err := write(); !fleet.IsNamed(err, fleet.RecordsConflict) {
		t.Errorf("while another transaction is at the capacity: %v", err)
	}
	if _, found := s.RunNow("job-1"); found {
		t.Error("half of it was written")
	}
	delete(busy, "capacity")
	if err := write(); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestIndexesLag(t *testing.T) {
	s := table.New()
	var updates []func()
	s.Index = func(update func()) { updates = append(updates, update) }
	if err := s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{{RunID: "job-1", WaitsForRoom: true}}, Runners: []fleet.Runner{{RunnerID: "f-1-1", Phase: fleet.Open}}}); err != nil {
		t.Fatal(err)
	}
	waiting, _ := s.WaitingForRoom(t.Context(), 9)
	open, _ := s.OpenRunners(t.Context())
	if len(waiting) != 0 || len(open) != 1 {
		t.Errorf("before the indexes follow, %d runs are listed and %d runners; want 0 and 1: the list of open runners is consistent", len(waiting), len(open))
	}
	for _, update := range updates {
		update()
	}
	if waiting, _ = s.WaitingForRoom(t.Context(), 9); len(waiting) != 1 {
		t.Error("the index never follows")
	}
}

// Runs move between lists, within one and out of all, and some end.
func TestListsAreThoseOfTheRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	s := table.New()
	lists := map[string]bool{}
	for range 800 {
		id := "job-" + strconv.Itoa(random.IntN(40))
		run, _ := s.RunNow(id)
		run.RunID, run.Status, run.Job.Repository = id, fleet.RunQueued, "acme/app"
		run.WaitsForRoom, run.WaitsForShare, run.Turn, run.Setback = false, false, 0, nil
		switch at := start.Add(time.Duration(random.IntN(9)) * time.Second); random.IntN(5) {
		case 0:
			run.WaitsForRoom, run.Turn = true, random.Int64N(9)
		case 1:
			run.WaitsForRoom, run.WaitsForShare = true, true
		case 2:
			run.Setback = &fleet.Setback{NextTry: at}
		case 3:
			run.Setback = &fleet.Setback{Hold: "hold", At: at}
		case 4:
			run.Status = fleet.RunCompleted
		}
		if err := s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run}}); err != nil {
			t.Fatal(err)
		}
		list, _ := run.WaitList()
		lists[list] = list != ""
		upTo, limit := fleet.TimeOrder(start.Add(5*time.Second)), random.IntN(9)
		for list, named := range lists {
			if !named {
				continue
			}
			if got, _ := s.Waiting(t.Context(), list, upTo, limit); !slices.Equal(got, waiting(s.AllRuns(), list, upTo, limit)) {
				t.Fatalf("%s lists %v; want %v", list, got, waiting(s.AllRuns(), list, upTo, limit))
			}
		}
	}
	if len(lists) != 5 {
		t.Errorf("%d lists were looked at: %v", len(lists), lists)
	}
}

// waiting are the runs of a list by the records alone.
func waiting(runs []fleet.Run, list, upTo string, limit int) (ids []string) {
	order := func(r fleet.Run) string { _, order := r.WaitList(); return order }
	slices.SortFunc(runs, func(a, b fleet.Run) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.RunID, b.RunID))
	})
	for _, run := range runs {
		if of, order := run.WaitList(); of == list && order <= upTo && len(ids) < limit {
			ids = append(ids, run.RunID)
		}
	}
	return ids
}

func TestARunThatLeftAListIsNotListedWhileTheIndexLags(t *testing.T) {
	s := table.New()
	var updates []func()
	write := func(run fleet.Run) {
		if err := s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run}}); err != nil {
			t.Fatal(err)
		}
	}
	listed := func() int {
		ids, _ := s.Waiting(t.Context(), fleet.RoomList, fleet.LaterOrder, 9)
		return len(ids)
	}
	write(fleet.Run{RunID: "job-1", WaitsForRoom: true})
	s.Index = func(update func()) { updates = append(updates, update) }
	write(fleet.Run{RunID: "job-1", Version: 1})
	if n := listed(); n != 0 {
		t.Errorf("a run that waits no longer is listed %d times", n)
	}
	write(fleet.Run{RunID: "job-1", Version: 2, WaitsForRoom: true})
	if n := listed(); n != 1 {
		t.Errorf("a run that waits again is listed %d times", n)
	}
	for _, update := range updates {
		update()
	}
	if n := listed(); n != 1 {
		t.Errorf("once the index follows, a run that waits is listed %d times", n)
	}
}

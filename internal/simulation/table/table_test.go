package table_test

import (
	"testing"

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

package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func holds(t *testing.T, s Store) {
	for _, key := range []string{"idle/o/r/2", "build/tag", "idle/o/r/1", "idle/o/repo/1", "idle/o/r/3"} {
		write(t, s, fleet.Changes{Holds: []fleet.Hold{{Key: key, Kind: fleet.SetbackIdle}}})
	}
	for _, c := range []struct {
		prefix string
		limit  int
		want   []string
	}{
		{"", 9, []string{"build/tag", "idle/o/r/1", "idle/o/r/2", "idle/o/r/3", "idle/o/repo/1"}},
		{"idle/o/r/", 9, []string{"idle/o/r/1", "idle/o/r/2", "idle/o/r/3"}},
		{"idle/o/r/", 2, []string{"idle/o/r/1", "idle/o/r/2"}},
		{"start/", 9, nil},
	} {
		found, err := s.HoldsBelow(t.Context(), c.prefix, c.limit)
		must(t, err)
		var keys []string
		for _, h := range found {
			keys = append(keys, h.Key)
		}
		if diff := cmp.Diff(c.want, keys); diff != "" {
			t.Errorf("holds below %q (-want +got):\n%s", c.prefix, diff)
		}
	}
	found, err := s.Holds(t.Context(), []string{"build/tag", "build/other"})
	if must(t, err); len(found) != 1 || found["build/tag"].Version != 1 {
		t.Errorf("found %+v", found)
	}
	twice, err := s.Holds(t.Context(), []string{"build/tag", "build/other", "build/tag"})
	if must(t, err); len(twice) != 1 {
		t.Errorf("a key that is named twice: %+v", twice)
	}
	if found, err := s.Holds(t.Context(), nil); err != nil || len(found) != 0 {
		t.Errorf("without keys: %+v, %v", found, err)
	}
}

func holdOver(t *testing.T, s Store) {
	hold := fleet.Hold{Key: "build/tag"}
	write(t, s, fleet.Changes{Holds: []fleet.Hold{hold}})
	hold.Version, hold.Name = 1, "why"
	write(t, s, fleet.Changes{Holds: []fleet.Hold{hold}})

	hold.Over = true
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Holds: []fleet.Hold{hold}}))
	hold.Version = 2
	write(t, s, fleet.Changes{Holds: []fleet.Hold{hold}, Runs: []fleet.Run{run(1)}})
	if found, err := s.Holds(t.Context(), []string{"build/tag"}); err != nil || len(found) != 0 {
		t.Errorf("it is still there: %+v, %v", found, err)
	}
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Holds: []fleet.Hold{hold}}))
	write(t, s, fleet.Changes{Holds: []fleet.Hold{{Key: "build/tag"}}})
}

func retrying(t *testing.T, s Store) {
	for id, setback := range []fleet.Setback{
		{NextTry: now.Add(2 * time.Minute)},
		{NextTry: now.Add(time.Minute)},
		{NextTry: now.Add(3 * time.Minute)},
		{Hold: "build/tag", At: now.Add(time.Second)},
		{Hold: "build/tag", At: now},
	} {
		r := runAt(int64(id), 0)
		r.Setback = &setback
		write(t, s, fleet.Changes{Runs: []fleet.Run{r}})
	}
	wantRetrying(t, s, fleet.OwnRetries, now, 9)
	wantRetrying(t, s, fleet.OwnRetries, now.Add(2*time.Minute), 9, "job-1", "job-0")
	wantRetrying(t, s, fleet.OwnRetries, now.Add(time.Hour), 2, "job-1", "job-0")
	wantRetrying(t, s, "build/tag", now.Add(time.Hour), 9, "job-4", "job-3")

	// A run that is launched, waits for room or waits for something else is no longer
	// listed.
	changeRun(t, s, "job-1", func(r *fleet.Run) { r.RunnerID, r.Status = "f-1-1", fleet.RunStarting })
	changeRun(t, s, "job-0", func(r *fleet.Run) { r.WaitsForRoom = true })
	changeRun(t, s, "job-4", func(r *fleet.Run) { r.Setback = &fleet.Setback{NextTry: now} })
	wantRetrying(t, s, fleet.OwnRetries, now.Add(time.Hour), 9, "job-4", "job-2")
	wantRetrying(t, s, "build/tag", now.Add(time.Hour), 9, "job-3")
}

// notices are listed of runs that have ended.
func notices(t *testing.T, s Store) {
	r := runAt(1, 0)
	r.Status, r.Notice = fleet.RunRefused, &fleet.Notice{NextTry: now.Add(time.Minute)}
	write(t, s, fleet.Changes{Runs: []fleet.Run{r}})
	wantRetrying(t, s, fleet.NoticeList, now, 9)
	wantRetrying(t, s, fleet.NoticeList, now.Add(time.Minute), 9, "job-1")
	changeRun(t, s, "job-1", func(r *fleet.Run) { *r, _ = r.Noticed(fleet.Notice{As: "a failed commit status"}) })
	wantRetrying(t, s, fleet.NoticeList, now.Add(time.Hour), 9)
}

func wantRetrying(t *testing.T, s Store, list string, before time.Time, limit int, want ...string) {
	t.Helper()
	got, err := s.Waiting(t.Context(), list, fleet.TimeOrder(before), limit)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s before %s (-want +got):\n%s", list, before.Sub(now), diff)
	}
}

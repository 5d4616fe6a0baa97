// Package storetest holds every store of the fleet to the same contract: SQLite
// on one machine, and DynamoDB on AWS.
//
// The contract is no more than a DynamoDB table can promise. A suite that a
// store passes by being stronger has a test missing.
package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Store is what the fleet's functions, and the commands that show the fleet, need of a
// store.
type Store interface {
	lifecycle.Records
	Runs(ctx context.Context, limit int) ([]fleet.Run, error)
	RunsBelow(ctx context.Context, list report.RunList, below report.Place, since time.Time, limit int) (report.RunsRead, error)
	Runners(ctx context.Context, limit int) ([]fleet.Runner, error)
	RunnersBelow(ctx context.Context, below report.Place, since time.Time, limit int) (report.RunnersRead, error)
	RunnersByID(ctx context.Context, ids []string) ([]fleet.Runner, error)
	RunnersOf(ctx context.Context, runID string) ([]fleet.Runner, error)
	OpenRunners(ctx context.Context) ([]fleet.Runner, error)
	OpenRuns(ctx context.Context, limit int) ([]fleet.Run, error)
	UnresolvedRunners(ctx context.Context, limit int) ([]fleet.Runner, error)
	Actions(ctx context.Context, since time.Time, limit int) ([]fleet.Action, error)
	Cursor(ctx context.Context, name string) (string, error)
	PutCursor(ctx context.Context, name, value string) error
	SwapCursor(ctx context.Context, name, was, value string) error
	TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error)
	AddRepairs(ctx context.Context, repairs map[string]int) error
	Repairs(ctx context.Context) (map[string]int, error)
	PutSettings(ctx context.Context, settings report.Settings) error
	Settings(ctx context.Context) (report.Settings, error)
	Image(ctx context.Context, tag string) (fleet.ImageRecord, bool, error)
	PutImage(ctx context.Context, record fleet.ImageRecord) error
	Images(ctx context.Context) ([]fleet.ImageRecord, error)
	DeleteImage(ctx context.Context, tag string) error
	JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error)
	RenewBuild(ctx context.Context, tag, owner string, at time.Time) error
	BuildLock(ctx context.Context, tag string) (fleet.BuildLock, error)
	EndBuild(ctx context.Context, tag, owner string) error
}

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Run runs the suite, each test on a new, empty store.
func Run(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"a record that there is not is no error":                         absent,
		"a record comes back as it was written, one version on":          roundTrip,
		"a record is made once":                                          madeOnce,
		"an old version writes nothing":                                  oldVersion,
		"changes are written together or not at all":                     together,
		"of many writers of one version one wins":                        oneWins,
		"runs that wait for room come oldest first":                      waitingForRoom,
		"an image's record is written over the version that was read":    images,
		"images are listed, the last built first":                        imageList,
		"a build has one owner until the lease ends":                     buildLock,
		"waiters of a build are kept until it ends":                      waiters,
		"the owner that joins again still owns the build":                ownerAgain,
		"500 runners can wait for one build":                             manyWaiters,
		"renewing the lease of a build that nobody owns is harmless":     renewNothing,
		"an owner whose lease ended changes nothing":                     formerOwner,
		"of many that join a build at once one owns it":                  oneOwner,
		"a write of nothing is no error":                                 nothing,
		"runs and runners are listed the newest first":                   newestFirst,
		"every list of runs is read from any place, back to any time":    runLists,
		"runners are read from any place, back to any time":              runnerList,
		"runs move between the lists as they change":                     runsMove,
		"runs are found by all that can be asked for, page by page":      findRuns,
		"runners are read by their ids":                                  runnersByID,
		"runners of a run are listed as they were launched":              runnersOf,
		"open runners are those that are not closed":                     openRunners,
		"open runners are all there, however many":                       manyOpenRunners,
		"open runs are those that have not ended, oldest first":          openRuns,
		"unresolved runners are listed until they are resolved":          unresolvedRunners,
		"a count of open runners is refused if one was opened since":     recount,
		"a cursor has the value that was put last":                       cursors,
		"a cursor is swapped by who read it as it is":                    swaps,
		"a lease has one owner until it ends":                            leases,
		"a fleet stays paused until it is resumed":                       paused,
		"holds are found by their keys and by how those begin":           holds,
		"operators' actions are listed the newest first":                 actions,
		"an action is written with the change, or not at all":            actionWithChange,
		"an action of the same id is replaced":                           actionReplaced,
		"a hold that is over is forgotten, at the version that was read": holdOver,
		"runs that are tried again are listed by their time":             retrying,
		"refusals that are to be shown are listed by their time":         notices,
		"repairs add up":                        repairs,
		"settings are those that were put last": settings,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func run(id int64) fleet.Run {
	return fleet.NewRun(fleet.Job{JobID: id, Repository: "o/r", Labels: []string{"self-hosted"}}, now)
}

func runner(id string) fleet.Runner {
	return fleet.Runner{Schema: fleet.Schema, RunnerID: id, RunID: "job-1", For: "job-1", Status: fleet.RunnerStarting, Phase: fleet.Open, Times: fleet.Times{fleet.StageLaunched: now}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustConflict(t *testing.T, err error) {
	t.Helper()
	if !fleet.IsNamed(err, fleet.RecordsConflict) {
		t.Fatalf("got %v, want %s", err, fleet.RecordsConflict)
	}
}

func absent(t *testing.T, s Store) {
	_, foundRun, err := s.Run(t.Context(), "job-1")
	must(t, err)
	_, foundRunner, err := s.Runner(t.Context(), "f-1-1")
	must(t, err)
	capacity, err := s.Capacity(t.Context())
	must(t, err)
	holds, err := s.Holds(t.Context(), []string{"build/tag"})
	must(t, err)
	if foundRun || foundRunner || !reflect.DeepEqual(capacity, fleet.Capacity{}) || len(holds) != 0 {
		t.Errorf("an empty store has a run (%t), a runner (%t), capacity %+v or holds %+v", foundRun, foundRunner, capacity, holds)
	}
}

func roundTrip(t *testing.T, s Store) {
	exit := 7
	r, n := run(1), runner("f-1-1")
	r.Reason, r.WaitsForRoom, r.RanOn = "weird \"text\" \u2028 ü", true, "f-1-1"
	n.TaskToken, n.ExitCode, n.Took = "token", &exit, 1<<62
	hold := fleet.Hold{Key: "start/0a1b", Kind: fleet.SetbackStart, Cause: "weird \"text\" \u2028 ü", InARow: 2, Width: 1, Tries: []string{"f-1-1"}, Met: map[string]time.Time{"octo/app": now}, Since: now}
	must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{r}, Runners: []fleet.Runner{n}, Capacity: &fleet.Capacity{Open: 1, OpenOf: map[string]int{"o/r": 1}, Turn: 2, Turns: map[string]int64{"o/r": 7}}, Holds: []fleet.Hold{hold}}))
	r.Version, n.Version, hold.Version = 1, 1, 1

	holds, err := s.Holds(t.Context(), []string{"start/none", hold.Key})
	must(t, err)
	if diff := cmp.Diff(map[string]fleet.Hold{hold.Key: hold}, holds); diff != "" {
		t.Errorf("holds (-written +read):\n%s", diff)
	}

	gotRun, _, err := s.Run(t.Context(), "job-1")
	must(t, err)
	gotRunner, _, err := s.Runner(t.Context(), "f-1-1")
	must(t, err)
	capacity, err := s.Capacity(t.Context())
	must(t, err)
	if diff := cmp.Diff(r, gotRun); diff != "" {
		t.Errorf("run (-written +read):\n%s", diff)
	}
	if diff := cmp.Diff(n, gotRunner); diff != "" {
		t.Errorf("runner (-written +read):\n%s", diff)
	}
	if diff := cmp.Diff(fleet.Capacity{Open: 1, OpenOf: map[string]int{"o/r": 1}, Turn: 2, Turns: map[string]int64{"o/r": 7}, Version: 1}, capacity); diff != "" {
		t.Errorf("capacity (-written +read):\n%s", diff)
	}
}

func madeOnce(t *testing.T, s Store) {
	for _, changes := range []fleet.Changes{{Runs: []fleet.Run{run(1)}}, {Runners: []fleet.Runner{runner("f-1-1")}}, {Capacity: &fleet.Capacity{Open: 1}}, {Holds: []fleet.Hold{{Key: "build/tag"}}}} {
		must(t, s.Write(t.Context(), changes))
		mustConflict(t, s.Write(t.Context(), changes))
	}
}

func oldVersion(t *testing.T, s Store) {
	must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run(1)}}))
	read, _, err := s.Run(t.Context(), "job-1")
	must(t, err)
	read.Reason = "first"
	must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{read}}))
	read.Reason = "second"
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{read}}))
	if got, _, err := s.Run(t.Context(), "job-1"); err != nil || got.Reason != "first" {
		t.Errorf("reason %q, %v; want the first writer's", got.Reason, err)
	}
}

func together(t *testing.T, s Store) {
	must(t, s.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner("f-1-1")}}))
	mustConflict(t, s.Write(t.Context(), fleet.Changes{
		Runs: []fleet.Run{run(1)}, Runners: []fleet.Runner{runner("f-1-1")}, Capacity: &fleet.Capacity{Open: 1},
	}))
	if _, found, err := s.Run(t.Context(), "job-1"); err != nil || found {
		t.Errorf("half of the changes were written (%v)", err)
	}
	if capacity, err := s.Capacity(t.Context()); err != nil || capacity.Open != 0 {
		t.Errorf("capacity %+v, %v; want none", capacity, err)
	}
}

func oneWins(t *testing.T, s Store) {
	must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run(1)}}))
	read, _, err := s.Run(t.Context(), "job-1")
	must(t, err)
	const writers = 8
	results := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			mine := read
			mine.Reason = fmt.Sprint(i)
			results[i] = s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{mine}})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		mustConflict(t, err)
	}
	if won != 1 {
		t.Errorf("%d of %d writers of one version won", won, writers)
	}
}

func waitingForRoom(t *testing.T, s Store) {
	for i, waits := range []bool{true, false, true, true} {
		r := fleet.NewRun(fleet.Job{JobID: int64(i + 1)}, now.Add(time.Duration(-i)*time.Minute))
		r.WaitsForRoom = waits
		must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{r}}))
	}
	got, err := s.WaitingForRoom(t.Context(), 2)
	must(t, err)
	if diff := cmp.Diff([]string{"job-4", "job-3"}, got); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	// A run that waits no longer is not listed.
	r, _, err := s.Run(t.Context(), "job-4")
	must(t, err)
	r.WaitsForRoom = false
	must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{r}}))
	got, err = s.WaitingForRoom(t.Context(), 9)
	must(t, err)
	if diff := cmp.Diff([]string{"job-3", "job-1"}, got); diff != "" {
		t.Errorf("waiting afterwards (-want +got):\n%s", diff)
	}
}

func images(t *testing.T, s Store) {
	_, ok, err := s.Image(t.Context(), "tag")
	must(t, err)
	if ok {
		t.Fatal("an empty store has an image")
	}
	record := fleet.ImageRecord{
		Tag: "tag", Spec: fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.ARM64, Source: "0a"},
		Failure: &fleet.BuildFailure{At: now, Reason: "weird \"text\" \u2028 ü"},
	}
	must(t, s.PutImage(t.Context(), record))
	mustConflict(t, s.PutImage(t.Context(), record))
	record.Version = 1
	mustHave(t, s, record)

	record.Revision, record.Digest, record.RunnerVersion, record.BuiltAt, record.UsedAt, record.Failure = 2, "sha256:2", "2.336.0", now, now, nil
	record.Outdated, record.Rebuild = "why", "why not"
	must(t, s.PutImage(t.Context(), record))
	mustConflict(t, s.PutImage(t.Context(), record))
	record.Version = 2
	mustHave(t, s, record)

	must(t, s.DeleteImage(t.Context(), "tag"))
	must(t, s.DeleteImage(t.Context(), "tag"))
	if _, ok, err := s.Image(t.Context(), "tag"); ok || err != nil {
		t.Errorf("a deleted image is there: %t, %v", ok, err)
	}
	mustConflict(t, s.PutImage(t.Context(), record))
}

func mustHave(t *testing.T, s Store, want fleet.ImageRecord) {
	t.Helper()
	got, ok, err := s.Image(t.Context(), want.Tag)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("image %t (-want +got):\n%s", ok, diff)
	}
}

func imageList(t *testing.T, s Store) {
	for i, tag := range []string{"never", "b", "c", "a"} {
		record := fleet.ImageRecord{Tag: tag}
		if i > 0 {
			record.BuiltAt = now.Add(time.Duration(i) * time.Millisecond)
		}
		must(t, s.PutImage(t.Context(), record))
	}
	got, err := s.Images(t.Context())
	must(t, err)
	var tags []string
	for _, r := range got {
		tags = append(tags, r.Tag)
	}
	if diff := cmp.Diff([]string{"a", "c", "b", "never"}, tags); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

func join(t *testing.T, s Store, runnerID string, at time.Time) (owner string) {
	t.Helper()
	owner, err := s.JoinBuild(t.Context(), "tag", runnerID, at, time.Minute)
	must(t, err)
	return owner
}

// mustLock reads the lock of the build.
func mustLock(t *testing.T, s Store, owner string, waiters ...string) {
	t.Helper()
	got, err := s.BuildLock(t.Context(), "tag")
	must(t, err)
	if (got.Until == time.Time{}) != (owner == "") {
		t.Errorf("the lease of %q ends at %s", owner, got.Until)
	}
	got.Until = time.Time{}
	if diff := cmp.Diff(fleet.BuildLock{Owner: owner, Waiters: waiters}, got); diff != "" {
		t.Errorf("lock (-want +got):\n%s", diff)
	}
}

func buildLock(t *testing.T, s Store) {
	owner := join(t, s, "f-1-1", now)
	if owner != fleet.BuildOwner("f-1-1", now) {
		t.Fatalf("the first to join owns the build as %q", owner)
	}
	if join(t, s, "f-2-1", now.Add(59*time.Second)) != "" {
		t.Fatal("the build has two owners")
	}
	must(t, s.RenewBuild(t.Context(), "tag", owner, now.Add(30*time.Second)))
	if lock, err := s.BuildLock(t.Context(), "tag"); err != nil || !lock.Until.Equal(now.Add(90*time.Second)) {
		t.Errorf("the renewed lease ends at %s, %v", lock.Until, err)
	}
	if join(t, s, "f-2-1", now.Add(89*time.Second)) != "" {
		t.Fatal("the build has two owners after its lease was renewed")
	}
	if join(t, s, "f-2-1", now.Add(91*time.Second)) == "" {
		t.Fatal("nobody can own a build whose lease has ended")
	}
	if join(t, s, "f-1-1", now.Add(92*time.Second)) != "" {
		t.Fatal("the owner whose lease ended owns the build again")
	}
	second := fleet.BuildOwner("f-2-1", now.Add(91*time.Second))
	must(t, s.RenewBuild(t.Context(), "tag", second, time.Unix(0, 0)))
	if third := join(t, s, "f-2-1", now.Add(93*time.Second)); third == "" || third == second {
		t.Errorf("after its lease was ended the owner joins as %q, want another build", third)
	}
}

func waiters(t *testing.T, s Store) {
	owner := join(t, s, "f-2-1", now)
	for _, id := range []string{"f-1-1", "f-1-1"} {
		join(t, s, id, now)
	}
	mustLock(t, s, owner, "f-1-1", "f-2-1")
	must(t, s.EndBuild(t.Context(), "tag", owner))
	must(t, s.EndBuild(t.Context(), "tag", owner))
	mustLock(t, s, "")
	if join(t, s, "f-3-1", now) == "" {
		t.Error("a build that has ended is still owned")
	}
}

func manyWaiters(t *testing.T, s Store) {
	var want []string
	owners := 0
	for i := range 500 {
		id := fmt.Sprintf("f-%03d-1", i)
		want = append(want, id)
		if join(t, s, id, now) != "" {
			owners++
		}
	}
	mustLock(t, s, fleet.BuildOwner(want[0], now), want...)
	if owners != 1 {
		t.Errorf("the build has %d owners", owners)
	}
}

// ownerAgain joins once more, which restarts the lease. The other runner's id begins
// the owner's.
func ownerAgain(t *testing.T, s Store) {
	first := join(t, s, "f-1-10", now)
	if again := join(t, s, "f-1-10", now.Add(30*time.Second)); again != first {
		t.Errorf("the owner joined again and owns the build as %q, and was %q", again, first)
	}
	if join(t, s, "f-1-1", now.Add(89*time.Second)) != "" {
		t.Error("the owner's lease ended although it joined again, or another runner is taken for it")
	}
	if later := join(t, s, "f-1-10", now.Add(91*time.Second)); later == first || later == "" {
		t.Errorf("after its lease the owner is %q, want another name than %q", later, first)
	}
}

func renewNothing(t *testing.T, s Store) {
	must(t, s.RenewBuild(t.Context(), "tag", "f-1-1@1", now))
	if join(t, s, "f-1-1", now) == "" {
		t.Error("renewing made a lock")
	}
}

// formerOwner lets the owner of an earlier lock renew and end a lock that is no longer
// its own.
func formerOwner(t *testing.T, s Store) {
	for name, next := range map[string]string{"another runner": "f-2-1", "the same runner": "f-1-1"} {
		former := join(t, s, "f-1-1", now)
		owner := join(t, s, next, now.Add(2*time.Minute))
		if owner == "" || owner == former {
			t.Fatalf("%s owns the build as %q", name, owner)
		}
		must(t, s.RenewBuild(t.Context(), "tag", former, now.Add(time.Hour)))
		must(t, s.EndBuild(t.Context(), "tag", former))
		mustLock(t, s, owner, slices.Compact([]string{"f-1-1", next})...)
		last := join(t, s, "f-3-1", now.Add(10*time.Minute))
		if last == "" {
			t.Errorf("%s: the former owner renewed the lease", name)
		}
		must(t, s.EndBuild(t.Context(), "tag", last))
	}
}

func oneOwner(t *testing.T, s Store) {
	const runners = 8
	owns := make([]string, runners)
	results := make([]error, runners)
	var wg sync.WaitGroup
	for i := range runners {
		wg.Go(func() {
			owns[i], results[i] = s.JoinBuild(t.Context(), "tag", fmt.Sprintf("f-%d-1", i), now, time.Minute)
		})
	}
	wg.Wait()
	owners := 0
	for i := range runners {
		must(t, results[i])
		if owns[i] != "" {
			owners++
		}
	}
	lock, err := s.BuildLock(t.Context(), "tag")
	must(t, err)
	if owners != 1 || len(lock.Waiters) != runners || !slices.Contains(owns, lock.Owner) {
		t.Errorf("%d of %d runners own the build, the lock is %+v", owners, runners, lock)
	}
}

func nothing(t *testing.T, s Store) { must(t, s.Write(t.Context(), fleet.Changes{})) }

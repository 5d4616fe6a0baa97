package upgrade

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// edit changes files as a later release might: the result is what today's code would
// have written, with one thing that a later release does not know.
func edit(files fstest.MapFS, prefix, was, is string) {
	for file, content := range files {
		if strings.HasPrefix(file, prefix) {
			files[file] = &fstest.MapFile{Data: bytes.ReplaceAll(content.Data, []byte(was), []byte(is))}
		}
	}
}

func remove(files fstest.MapFS, prefix string) {
	maps.DeleteFunc(files, func(file string, _ *fstest.MapFile) bool { return strings.HasPrefix(file, prefix) })
}

// TestWhatIsNoticed breaks goldens, one thing at a time.
func TestWhatIsNoticed(t *testing.T) {
	written := write(t)
	t.Run("by the checks", func(t *testing.T) { checksNotice(t, written) })
	t.Run("by the checks of what is read", func(t *testing.T) { renamesAreNoticed(t, written) })
	t.Run("by the plays", func(t *testing.T) { playsNotice(t, written) })
	t.Run("by the tables", func(t *testing.T) { tablesNotice(t, written) })
	t.Run("by the schema", func(t *testing.T) { schemaIsNoticed(t, written) })
}

func checksNotice(t *testing.T, written fstest.MapFS) {
	for what, c := range map[string]struct {
		edit func(files fstest.MapFS)
		want string
	}{
		"a release without goldens": {
			edit: func(files fstest.MapFS) { remove(files, goldenPrefix) },
			want: "it has no goldens: run scripts/golden-release",
		},
		"a state without a golden": {
			edit: func(files fstest.MapFS) { remove(files, "at-InspectRunner-") },
			want: "no golden is of the entry of state InspectRunner",
		},
		"a state of which only the wait has a golden": {
			edit: func(files fstest.MapFS) {
				remove(files, "at-BuildImage-nobody-builds-it")
				remove(files, "at-BuildImage-another-job-has-it-built")
			},
			want: "no golden is of the entry of state BuildImage",
		},
		"no definition": {edit: func(files fstest.MapFS) { remove(files, definitionFile) }, want: "it has no runner.asl.json"},
		"an empty one":  {edit: func(files fstest.MapFS) { files[definitionFile] = &fstest.MapFile{Data: []byte("{}")} }, want: "has no Task state"},
		"no tables":     {edit: func(files fstest.MapFS) { remove(files, tablesFile) }, want: "it has no tables.json"},
	} {
		t.Run(what, func(t *testing.T) {
			files := maps.Clone(written)
			c.edit(files)
			expect(t, readOne(t, files).check(), c.want)
		})
	}
}

// renamesAreNoticed renames something in one golden, as if today's code had another
// name for it.
func renamesAreNoticed(t *testing.T, written fstest.MapFS) {
	for what, c := range map[string]struct{ golden, was, is, want string }{
		"a field of a runner":          {"AwaitCompletion-the-job-runs", `"task_token"`, `"tasktoken"`, "loses .runners[0].tasktoken"},
		"a field of a run":             {"RunTask-no-task-yet", `"launched"`, `"launches_so_far"`, "loses .runs[0].launches_so_far"},
		"a field of a call's document": {"RunTask-no-task-yet", `"idle_seconds"`, `"idle"`, "loses .call.document.plan.idle"},
		"a field of an execution":      {"RunTask-no-task-yet", `"state_entered_at"`, `"entered_at"`, "loses .executions[0].entered_at"},
		"a field of its document":      {"RunTask-no-task-yet", `"build_seconds"`, `"build"`, "loses .executions[0].data.plan.build"},
		"a field of the capacity":      {"RunTask-no-task-yet", `"open"`, `"opened"`, "loses .capacity.opened"},
		"a field of a hold":            {"Validate-the-next-runner-after-a-failure", `"needs"`, `"wants"`, "loses .holds[0].wants"},
		"a field of a setback":         {"RecordFailure-the-run-waits-for-its-next-try", `"hold"`, `"held_by"`, "loses .runs[0].setback.held_by"},
		"a field of an event":          {"RunTask-no-task-yet", `"detail-type"`, `"detail_type"`, "event.detail_type"},
		"a field of what it tells":     {"RunTask-no-task-yet", `"received_at": "2026`, `"got_at": "2026`, "event.detail.got_at"},
		"a field of a task":            {"RunTask-no-task-yet", `"lastStatus"`, `"status_now"`, "event.detail.status_now"},
		"a field of a launch":          {"RunTask-the-runner-is-idle", `"client_token"`, `"idempotency"`, "loses .launches[0].idempotency"},
		"a status":                     {"RunTask-the-runner-is-idle", `"WAITING_FOR_JOB"`, `"IDLE"`, `no meaning for "IDLE" at fleet-7-1.status`},
		"a run's status":               {"RunTask-no-task-yet", `"STARTING"`, `"BEGUN"`, `no meaning for "BEGUN" at job-7.status`},
		"a phase":                      {"RunTask-the-runner-is-being-ended", `"CLOSING"`, `"ENDING"`, `no meaning for "ENDING" at fleet-7-1.phase`},
		"a wait":                       {"AwaitCompletion-the-job-runs", `"waiting_for": "stopped"`, `"waiting_for": "end"`, `no meaning for "end" at fleet-7-1.waiting_for`},
		"an outcome":                   {"AwaitCompletion-a-long-job-was-inspected", `"outcome": "busy"`, `"outcome": "works"`, `no meaning for "works" at wait.outcome`},
		"a decision":                   {"RecordStatus-nobody-needs-the-runner", `"not_wanted"`, `"unwanted"`, `no meaning for "unwanted" at plan.decision`},
		"a stage":                      {"RunTask-the-runner-is-idle", `"claimed_at"`, `"asked_at"`, `no meaning for "asked_at" at fleet-7-1.times`},
		"an image's kind":              {"BuildImage-it-is-being-built", `"on_demand"`, `"by_label"`, `no meaning for "by_label" at plan.image_spec.kind`},
	} {
		t.Run(what, func(t *testing.T) {
			files := fstest.MapFS{goldenPrefix + c.golden + ".json": written[goldenPrefix+c.golden+".json"]}
			edit(files, goldenPrefix, c.was, c.is)
			expect(t, readOne(t, files).check(), c.want)
		})
	}
}

func playsNotice(t *testing.T, written fstest.MapFS) {
	for what, c := range map[string]struct {
		golden string
		edit   func(files fstest.MapFS)
		want   string
	}{
		"nothing wrong": {golden: "RunTask-the-runner-is-idle", edit: func(fstest.MapFS) {}},
		"a function that there is not any more": {
			golden: "Validate-a-queued-job",
			edit:   func(files fstest.MapFS) { edit(files, definitionFile, "${ValidateFunctionArn}", "${CheckFunctionArn}") },
			want:   "calls the function Check, which there is not any more",
		},
		"another call than the state machine's": {
			golden: "RunTask-no-task-yet",
			edit:   func(files fstest.MapFS) { edit(files, definitionFile, `"runner_id.$"`, `"runner.$"`) },
			want:   "the call of RunTask is another",
		},
		"a launch with other parameters than before": {
			golden: "RunTask-the-task-runs-and-nobody-knows",
			edit:   func(files fstest.MapFS) { edit(files, goldenPrefix, theClaimURL, theClaimURL+"/v0") },
			want:   `execution fleet-7-1 ends as "FAILED Runner.LaunchFailed"`,
		},
		"a claim token of another kind": {
			golden: "RunTask-the-container-runs",
			edit: func(files fstest.MapFS) {
				edit(files, goldenPrefix, fleet.ClaimToken([]byte(theKey), "fleet-7-1"), fleet.ClaimToken([]byte("another"), "fleet-7-1"))
			},
			want: "the claim is answered with 401",
		},
		"a document whose size has another name": {
			golden: "RunTask-no-task-yet",
			edit:   func(files fstest.MapFS) { edit(files, goldenPrefix, `"size"`, `"dimensions"`) },
			want:   `execution fleet-7-1 ends as "FAILED Runtime.ExitError"`,
		},
		"a capacity that was miscounted": {
			golden: "RecordStatus-the-job-is-done",
			edit:   func(files fstest.MapFS) { edit(files, goldenPrefix, `"open": 1`, `"open": 2`) },
			want:   "1 runners are counted as open",
		},
		"an end that is another": {
			golden: "RecordFailure-the-build-failed",
			edit:   func(files fstest.MapFS) { edit(files, goldenPrefix, `"FAILED Image.BuildFailed"`, `"SUCCEEDED"`) },
			want:   `execution fleet-7-1 ends as "FAILED Image.BuildFailed"; it was "SUCCEEDED"`,
		},
	} {
		t.Run(what, func(t *testing.T) {
			files := maps.Clone(written)
			c.edit(files)
			r := readOne(t, files)
			for _, g := range r.Goldens {
				if g.fileName() == goldenPrefix+c.golden+".json" {
					expect(t, g.playOn(t, [][]byte{r.Definition, statemachine.Definition}), c.want)
					return
				}
			}
			t.Errorf("there is no golden %s", c.golden)
		})
	}
}

func tablesNotice(t *testing.T, written fstest.MapFS) {
	for what, c := range map[string]struct{ was, is, want string }{
		"nothing wrong":            {},
		"another name of a record": {`"record": {`, `"json": {`, "DynamoDB: run job-7 is not read as it was written"},
		"another key":              {`"run#`, `"runs#`, "DynamoDB: run job-7 is not read"},
		"another field":            {`\"task_token\"`, `\"token_of_task\"`, "SQLite: runner fleet-7-1 is not read"},
		"another layout":           {`"user_version": `, `"user_version": 9`, "read the layout of the release before"},
	} {
		t.Run(what, func(t *testing.T) {
			files := maps.Clone(written)
			edit(files, tablesFile, c.was, c.is)
			r := readOne(t, files)
			var problems []string
			for _, kept := range r.Tables {
				for _, g := range r.Goldens {
					if g.fileName() == kept.Golden {
						problems = append(problems, kept.misread(t, g)...)
					}
				}
			}
			expect(t, problems, c.want)
		})
	}
}

func schemaIsNoticed(t *testing.T, written fstest.MapFS) {
	r := readOne(t, written)
	for what, c := range map[string]struct {
		releases []release
		schema   int
		want     string
	}{
		"today's":                     {[]release{r}, fleet.Schema, ""},
		"no release":                  {nil, fleet.Schema, "there is no release below testdata"},
		"one that was raised":         {[]release{r}, fleet.Schema + 1, "no golden has it: keep reading schema 1"},
		"one that was raised twice":   {[]release{r}, fleet.Schema + 2, "delete testdata/today"},
		"one that goes back":          {[]release{r}, fleet.Schema - 1, "it never goes back"},
		"one that was raised at once": {[]release{r}, fleet.Schema + 2, "run scripts/golden-release NAME"},
	} {
		t.Run(what, func(t *testing.T) { expect(t, checkSchema(c.releases, c.schema), c.want) })
	}
}

func readOne(t *testing.T, files fstest.MapFS) release {
	t.Helper()
	releases, err := read(below("today", files))
	if err != nil || len(releases) != 1 {
		t.Fatal(len(releases), err)
	}
	return releases[0]
}

// expect checks that a problem says this, or that there is none for "".
func expect(t *testing.T, problems []string, want string) {
	t.Helper()
	all := strings.Join(problems, "\n")
	if want == "" && all != "" || !strings.Contains(all, want) {
		t.Errorf("noticed:\n%s\nwant: %q", all, want)
	}
}

package why

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

func page(t *testing.T, a Answer) string {
	t.Helper()
	var out bytes.Buffer
	if err := a.Text(&out, time.UTC); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update, and read it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSituations compares the page for each situation with its file. Read the files: they
// are what an engineer reads at night.
func TestSituations(t *testing.T) {
	for situation, build := range situations {
		t.Run(situation, func(t *testing.T) {
			golden(t, filepath.Join("testdata", situation+".golden"), page(t, Of(build().facts())))
		})
	}
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if situations[strings.TrimSuffix(filepath.Base(file), ".golden")] == nil {
			t.Errorf("%s belongs to no situation", file)
		}
	}
}

// TestEverySetbackHasASituation: each kind is read by a person before it is met.
func TestEverySetbackHasASituation(t *testing.T) {
	met := map[fleet.SetbackKind]bool{}
	for _, build := range situations {
		if run := build().facts().Run; run != nil && run.Setback != nil {
			met[run.Setback.Kind] = true
		}
	}
	for kind := range setbacks {
		if !met[kind] {
			t.Errorf("no situation has a setback of kind %s", kind)
		}
		if kind.Whose() == "" {
			t.Errorf("%s is no kind of setback", kind)
		}
	}
	for _, kind := range fleet.SetbackKinds() {
		if setbacks[kind].says == "" || setbacks[kind].do.Do == "" {
			t.Errorf("the answer has no words for setbacks of kind %s", kind)
		}
	}
}

// TestTheFirstLineOfEachFailure compares what a run with a setback of each name says.
func TestTheFirstLineOfEachFailure(t *testing.T) {
	var lines strings.Builder
	for _, name := range fleet.FailureNames() {
		a := Of(newWorld().fails(name, "the cause").facts())
		lines.WriteString(name + " (" + a.Whose + "): " + a.Answer + "\n")
	}
	golden(t, filepath.Join("testdata", "failures", "lines.golden"), lines.String())
}

// TestStagesAddUp: without gaps from GitHub's queueing of the job until its end, or now.
func TestStagesAddUp(t *testing.T) {
	for situation, build := range situations {
		f := build().facts()
		if f.Run == nil {
			continue
		}
		for i := range f.Runners { // clocks are finer than milliseconds
			f.Runners[i].Times = maps.Clone(f.Runners[i].Times)
			for stage, at := range f.Runners[i].Times {
				f.Runners[i].Times[stage] = at.Add(time.Duration(700*len(stage)) * time.Microsecond / 10)
			}
		}
		a := Of(f)
		from, sum := f.Run.At(fleet.StageQueued), int64(0)
		if received := f.Run.At(fleet.StageReceived); situation == "clocks_apart" {
			from = received
		}
		if len(a.Stages) == 0 {
			t.Errorf("%s: there are no stages", situation)
		}
		for i, s := range a.Stages {
			if !s.From.Equal(from) {
				t.Errorf("%s: stage %s begins at %s, and the one before it ends at %s", situation, s.Name, s.From, from)
			}
			from = from.Add(time.Duration(s.Took) * time.Millisecond)
			sum += s.Took
			if s.Open != (!a.Ended && i == len(a.Stages)-1) {
				t.Errorf("%s: stage %s open is %v", situation, s.Name, s.Open)
			}
		}
		if a.Total == nil || sum != *a.Total {
			t.Errorf("%s: the stages take %d ms together, and the total is %d", situation, sum, *a.Total)
		}
		if end := f.Now; !a.Ended && !from.Equal(end) {
			t.Errorf("%s: the stages end at %s, and now is %s", situation, from, end)
		}
	}
}

// TestAListHasTheSameStages, though it reads only the runners that RunnersOf names.
func TestAListHasTheSameStages(t *testing.T) {
	for situation, build := range situations {
		f := build().facts()
		if f.Run == nil {
			continue
		}
		var few []fleet.Runner
		for _, r := range f.Runners {
			if slices.Contains(stages.RunnersOf(*f.Run), r.RunnerID) {
				few = append(few, r)
			}
		}
		if diff := cmp.Diff(stages.Of(*f.Run, f.Runners, f.Now), stages.Of(*f.Run, few, f.Now)); diff != "" {
			t.Errorf("%s: -with all runners +with those of a list:\n%s", situation, diff)
		}
	}
}

// TestAShortJobKeepsItsStages: GitHub's times have whole seconds, so a job that is over at
// once has ended before it came, by its clock.
func TestAShortJobKeepsItsStages(t *testing.T) {
	f := running().completes("success").facts()
	for _, stage := range []fleet.Stage{fleet.StageJobStarted, fleet.StageJobCompleted} {
		f.Run.Times[stage] = f.Runners[0].At(fleet.StageRegistered).Truncate(time.Second)
	}
	a := Of(f)
	if len(a.Stages) == 0 || a.Stages[len(a.Stages)-1].Name != stages.Register || *a.Total != f.Runners[0].At(fleet.StageRegistered).Sub(noon).Milliseconds() {
		t.Errorf("%+v, %d ms in all", a.Stages, *a.Total)
	}
}

// TestTheFirstLineIsTheAnswer: one sentence, short enough to be sent to the one who asks.
func TestTheFirstLineIsTheAnswer(t *testing.T) {
	for situation, build := range situations {
		a := Of(build().facts())
		if !strings.HasSuffix(a.Answer, ".") && !strings.HasSuffix(a.Answer, "?") || strings.HasSuffix(a.Answer, "..") {
			t.Errorf("%s: %q does not end as a sentence", situation, a.Answer)
		}
		if n := utf8.RuneCountInString(a.Answer); n > 700 {
			t.Errorf("%s: the answer has %d characters", situation, n)
		}
		if a.Ended && a.Waits != nil {
			t.Errorf("%s: it has ended and waits for %s", situation, a.Waits.For)
		}
		if a.Known && !a.Ended && (a.Whose == "" || a.Status != fleet.RunRunning && a.Waits == nil) {
			t.Errorf("%s: whose business it is, or what it waits for, is not said", situation)
		}
	}
}

// TestHostileTextDoesNotReachTheTerminal, neither as control characters nor in its length.
func TestHostileTextDoesNotReachTheTerminal(t *testing.T) {
	a := Of(situations["hostile"]().facts())
	text := page(t, a)
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is in the text", r)
		}
	}
	if strings.Contains(text, "\nstatus           COMPLETED") {
		t.Error("a job's name can write a line of its own")
	}
	asJSON, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 10_000 || len(asJSON) > 20_000 {
		t.Errorf("the text has %d bytes and the JSON %d", len(text), len(asJSON))
	}
}

// TestAnAnswerHasNoSecrets, whatever the records hold.
func TestAnAnswerHasNoSecrets(t *testing.T) {
	f := situations["idle"]().facts()
	f.Runners[0].TaskToken, f.Runners[0].NonceHash = "the-task-token", "the-nonce-hash"
	text, err := json.Marshal(Of(f))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text)+page(t, Of(f)), "the-task-token") || strings.Contains(string(text), "the-nonce-hash") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// TestListsAreNeverNull in JSON, also of what the fleet knows nothing about.
func TestListsAreNeverNull(t *testing.T) {
	for situation, build := range situations {
		text, err := json.Marshal(Of(build().facts()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), ":null") {
			t.Errorf("%s: a list is null: %s", situation, text)
		}
	}
}

func TestLasted(t *testing.T) {
	for d, want := range map[time.Duration]string{
		20 * time.Millisecond: "less than a second", 10 * time.Second: "10s", time.Minute: "1m", 70 * time.Second: "1m10s", 10 * time.Minute: "10m",
		20*time.Minute + 30*time.Second: "20m30s", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Hour: "10h", 24*time.Hour + 10*time.Minute: "24h10m",
	} {
		if got := lasted(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

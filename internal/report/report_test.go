package report

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func after(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func TestRunnerBesideARun(t *testing.T) {
	for name, c := range map[string]struct {
		run  fleet.Run
		want string
	}{
		"the runner that has the job":      {fleet.Run{RanOn: "f-2-1", RunnerID: "f-1-1", LastRunner: "f-1-1"}, "f-2-1"},
		"the runner that is expected":      {fleet.Run{RunnerID: "f-1-2", LastRunner: "f-1-1"}, "f-1-2"},
		"the last one that was":            {fleet.Run{LastRunner: "f-1-1"}, "f-1-1"},
		"none, when none was launched yet": {fleet.Run{}, ""},
	} {
		if got := RunnerOf(c.run); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestStages(t *testing.T) {
	ms := func(n int64) *int64 { return &n }
	run := fleet.Run{RunID: "job-1", Status: fleet.RunCompleted, RanOn: "f-1-1", Launched: 1, WaitsSince: after(1100), Times: fleet.Times{
		fleet.StageQueued: noon, fleet.StageReceived: after(1000), fleet.StageLaunched: after(3000), fleet.StageClosed: after(19_500),
		fleet.StageJobStarted: after(11_000), fleet.StageJobCompleted: after(19_000),
	}}
	runner := fleet.Runner{RunnerID: "f-1-1", RunID: "job-1", Times: fleet.Times{
		fleet.StageLaunched: after(3000), fleet.StageAdmitted: after(3200), fleet.StageImageReady: after(3500), fleet.StageTaskStarted: after(5500),
		fleet.StageContainerUp: after(9000), fleet.StageRegistered: after(10_500), fleet.StageClosed: after(29_999), // the run's own time is stronger
	}}
	want := Stages{
		Webhook: ms(1000), Launch: ms(100), Room: ms(1900), Admit: ms(200), Image: ms(300), Task: ms(2000), Container: ms(3500), Register: ms(1500),
		Assign: ms(500), Job: ms(8000), Queue: ms(11_000), Total: ms(19_000),
	}
	shown := OfRun(run, []fleet.Runner{{RunnerID: "f-2-1"}, runner}, after(60_000))
	if diff := cmp.Diff(want, shown.Stages); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if closed := shown.Times[fleet.StageClosed]; !closed.Equal(after(19_500)) {
		t.Errorf("closed at %v", closed)
	}
	run.Status = fleet.RunRunning
	delete(run.Times, fleet.StageJobCompleted)
	if got := OfRun(run, []fleet.Runner{runner}, after(12_000)).Stages; *got.Job != 1000 || *got.Total != 12_000 || got.Open != "run the job" {
		t.Errorf("while it runs: %+v", got)
	}
	run.Times[fleet.StageJobStarted] = after(12_000) // GitHub's times have whole seconds
	if got := OfRun(run, []fleet.Runner{runner}, after(12_000)).Stages; got.Job == nil || *got.Job != 0 || *got.Queue != 12_000 {
		t.Errorf("just started: %+v", got)
	}
}

// TestEveryStageHasItsField, and the fields are the whole time.
func TestEveryStageHasItsField(t *testing.T) {
	var split stages.Split
	for i, name := range stages.Names() {
		split.Stages = append(split.Stages, stages.Stage{Name: name, Took: int64(i + 1)})
	}
	shown := stagesOf(fleet.Run{}, split)
	for i, name := range stages.Names() {
		if got := shown.Took(name); got == nil || *got != int64(i+1) {
			t.Errorf("%s took %v, want %d", name, got, i+1)
		}
	}
	text, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "_ms"); got != len(stages.Names()) {
		t.Errorf("%d fields of %d stages: %s", got, len(stages.Names()), text)
	}
}

// A runner of another run can take a job before that job was admitted.
func TestRunThatWasNeverAdmittedShowsWhereItRan(t *testing.T) {
	runner := fleet.Runner{RunnerID: "f-2-1", ClassName: "medium", Image: "base"}
	if got := OfRun(fleet.Run{RunID: "job-1", RanOn: "f-2-1"}, []fleet.Runner{runner}, noon); got.ClassName != "medium" || got.Image != "base" {
		t.Errorf("class %q, image %q; want those of the runner", got.ClassName, got.Image)
	}
	admitted := fleet.Run{RunID: "job-1", RanOn: "f-2-1", ClassName: "small", Image: "tools"}
	if got := OfRun(admitted, []fleet.Runner{runner}, noon); got.ClassName != "small" || got.Image != "tools" {
		t.Errorf("class %q, image %q; want those of the run", got.ClassName, got.Image)
	}
}

// Programs rely on these names, and on their being there when they are empty.
func TestTheSharesOfRules(t *testing.T) {
	policy := &fleet.Policy{Rules: []fleet.Rule{{Name: "deploy", Allow: true, MaxRunners: 2}, {Name: "rest", Allow: true}, {Name: "nightly", Allow: true, MaxRunners: 1}}}
	waits := fleet.Run{WaitsForRoom: true, WaitsForRule: true, AdmittedBy: "deploy"}
	capacity := fleet.Capacity{OpenOfRule: map[string]int{"deploy": 2, "rest": 9}}
	want := []RuleShare{{Name: "deploy", OpenRunners: 2, MaxRunners: 2, Waiting: 1}, {Name: "nightly", MaxRunners: 1}}
	if diff := cmp.Diff(want, ruleShares(policy, capacity, []fleet.Run{waits, {WaitsForRoom: true}})); diff != "" {
		t.Error(diff)
	}
}

func TestRunFieldsAreStable(t *testing.T) {
	text, err := json.Marshal(OfRun(fleet.Run{}, nil, noon))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{
		`"run_id":""`, `"repository":""`, `"status":""`, `"conclusion":""`, `"runner_id":""`, `"class_name":""`, `"image":""`, `"labels":[]`, `"times":{}`, `"stages":{}`,
	} {
		if !strings.Contains(string(text), field) {
			t.Errorf("%s is not in %s", field, text)
		}
	}
}

func TestRunnerIsShownWithoutSecrets(t *testing.T) {
	text, err := json.Marshal(OfRunner(fleet.Runner{RunnerID: "f-1-1", TaskToken: "the-task-token", NonceHash: "the-nonce-hash"}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "the-") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// elsewhere is a Source of one execution whose state only its history shows.
type elsewhere struct{ Source }

func (elsewhere) Execution(context.Context, string) (execution.Execution, bool, error) {
	return execution.Execution{Name: "f-1-1", Status: execution.Running}, true, nil
}

func (elsewhere) History(context.Context, string) ([]execution.Event, error) {
	return []execution.Event{
		{Type: "TaskStateEntered", State: "Validate", Timestamp: noon},
		{Type: "ChoiceStateEntered", State: "IsAdmitted", Timestamp: after(100)},
		{Type: "ChoiceStateExited", State: "IsAdmitted", Timestamp: after(200)},
	}, nil
}

func (elsewhere) ConsoleURL(name string) string { return "https://console/" + name }

func TestExecutionOfStepFunctions(t *testing.T) {
	got, err := ShowExecution(t.Context(), elsewhere{}, "f-1-1")
	if err != nil || got.State != "IsAdmitted" || !got.StateEnteredAt.Equal(after(100)) || got.ConsoleURL != "https://console/f-1-1" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestARefusalAndItsNotice(t *testing.T) {
	for notice, want := range map[*fleet.Notice]string{
		nil: "",
		{As: "a failed commit status", Of: "job-1"}: "shown to its developer as a failed commit status",
		{Why: "GitHub.NoAccess: 403"}:               "could not be shown: GitHub.NoAccess: 403",
	} {
		if got := OfRun(fleet.Run{RunID: "job-1", Status: fleet.RunRefused, Notice: notice}, nil, noon).Notice; got != want {
			t.Errorf("%+v is %q, want %q", notice, got, want)
		}
	}
}

func TestRunnerInAPool(t *testing.T) {
	warm := func(change func(*fleet.Runner)) Runner {
		r := fleet.Runner{RunnerID: "f-w1-1", Pool: "large@octo/app", Phase: fleet.Open, Status: fleet.RunnerWaitingForJob, Times: fleet.Times{fleet.StageRegistered: noon}}
		change(&r)
		return OfRunner(r)
	}
	at := func(at time.Time) string { return at.Format(time.TimeOnly) }
	for name, c := range map[string]struct {
		runner Runner
		want   string
	}{
		"of no pool": {warm(func(r *fleet.Runner) { r.Pool = "" }), ""},
		"idle":       {warm(func(r *fleet.Runner) {}), "warm, idles in pool large@octo/app since 12:00:00"},
		"starting":   {warm(func(r *fleet.Runner) { r.Times = nil }), "warm, starts for pool large@octo/app"},
		"expected":   {warm(func(r *fleet.Runner) { r.For = "job-1" }), "warm, of pool large@octo/app; job-1 expects it"},
		"with a job": {warm(func(r *fleet.Runner) {
			r.Took, r.Status, r.Times[fleet.StageJobStarted] = 1, fleet.RunnerRunning, after(90_000)
		}), "warm, of pool large@octo/app; idled 1m30s before its job"},
		"ended": {warm(func(r *fleet.Runner) { r.Phase = fleet.Closed }), "warm, of pool large@octo/app"},
	} {
		if got := c.runner.InPool(at); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

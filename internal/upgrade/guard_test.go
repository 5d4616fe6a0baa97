package upgrade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// checkSchema says what to do when schema, today's, is not the one that the releases
// wrote.
func checkSchema(releases []release, schema int) (problems []string) {
	if len(releases) == 0 {
		return []string{"there is no release below testdata, so nothing is tested: run scripts/golden-release NAME on the code of the newest release"}
	}
	newest := 0
	for _, r := range releases {
		oldest := schema
		for _, g := range r.Goldens {
			for _, s := range g.schemas() {
				newest, oldest = max(newest, s), min(oldest, s)
			}
		}
		if oldest < schema-1 {
			problems = append(problems, fmt.Sprintf("release %s wrote schema %d and fleet.Schema is %d: nothing of it can be running any more, so delete testdata/%s", r.Name, oldest, schema, r.Name))
		}
	}
	switch {
	case newest < schema:
		problems = append(problems, fmt.Sprintf("fleet.Schema is %d and no golden has it: keep reading schema %d as long as there are goldens of it, then run scripts/golden-release NAME and commit what it writes", schema, newest))
	case newest > schema:
		problems = append(problems, fmt.Sprintf("fleet.Schema is %d and a release has written %d: it never goes back", schema, newest))
	}
	return problems
}

func (g golden) schemas() (all []int) {
	all = append(all, g.Call.Document.Schema)
	for _, r := range g.Runs {
		all = append(all, r.Schema)
	}
	for _, r := range g.Runners {
		all = append(all, r.Schema)
	}
	return all
}

// check says what is wrong with a release's files: a golden that is missing, and parts
// that today's code does not read.
func (r release) check() (problems []string) {
	add := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf("release "+r.Name+": "+format, args...))
	}
	if len(r.Goldens) == 0 {
		add("it has no goldens: run scripts/golden-release on its code, or delete testdata/%s", r.Name)
	}
	if len(r.Definition) == 0 {
		add("it has no %s: copy it from statemachine of that release", definitionFile)
	}
	if len(r.Tables) == 0 {
		add("it has no %s: run scripts/golden-release on its code", tablesFile)
	}
	for _, state := range r.taskStates(add) {
		if !slices.ContainsFunc(r.Goldens, func(g golden) bool { return g.State == state && g.Entered }) {
			add("no golden is of the entry of state %s: add it to a walk and run scripts/golden-release on the code of that release", state)
		}
	}
	for i, g := range r.Goldens {
		for _, field := range unread(r.raw[i], g) {
			add("%s: today's code loses %s. Executions that are under way carry it: let the type in internal/fleet or internal/engine keep its json tag, or read both names for two releases", g.fileName(), field)
		}
		for _, word := range g.unknownWords() {
			add("%s: today's code has no meaning for %s. Records hold it: keep it for two releases", g.fileName(), word)
		}
	}
	return problems
}

func (r release) taskStates(add func(string, ...any)) (names []string) {
	if len(r.Definition) == 0 {
		return nil
	}
	var definition struct {
		States map[string]struct{ Type string }
	}
	if err := json.Unmarshal(r.Definition, &definition); err != nil {
		add("its definition cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(definition.States)) {
		if definition.States[name].Type == "Task" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		add("its definition has no Task state, so nothing is tested")
	}
	return names
}

// unread lists what of a golden's text does not survive being read and written by
// today's types, those in events and executions included.
func unread(text []byte, g golden) (fields []string) {
	fields = lost("", text, g)
	for i, h := range g.ToCome {
		if h.Event == nil {
			continue
		}
		at := fmt.Sprintf(".to_come[%d].event.detail", i)
		switch h.Event.DetailType {
		case fleet.WorkflowJobEvent:
			fields = append(fields, lostOf[fleet.WorkflowJob](at, h.Event.Detail)...)
		case fleet.TaskEvent:
			fields = append(fields, lostOf[fleet.Task](at, h.Event.Detail)...)
		case fleet.BuildEvent:
			fields = append(fields, lostOf[fleet.Build](at, h.Event.Detail)...)
		default:
			fields = append(fields, at+" of type "+h.Event.DetailType)
		}
	}
	for i, x := range g.Executions {
		fields = append(fields, lostOf[fleet.Document](fmt.Sprintf(".executions[%d].input", i), x.Input)...)
		if len(x.Data) > 0 {
			fields = append(fields, lostOf[fleet.Document](fmt.Sprintf(".executions[%d].data", i), x.Data)...)
		}
	}
	return fields
}

func lostOf[T any](at string, text []byte) []string {
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return []string{fmt.Sprintf("%s (%v)", at, err)}
	}
	return lost(at, text, v)
}

// lost lists the paths of a JSON text that are missing when v, which was read from it,
// is written again. An empty value may be left out.
func lost(at string, text []byte, v any) []string {
	again, err := json.Marshal(v)
	if err != nil {
		return []string{fmt.Sprintf("%s (%v)", at, err)}
	}
	was, err := generic(text)
	if err != nil {
		return []string{fmt.Sprintf("%s (%v)", at, err)}
	}
	is, err := generic(again)
	if err != nil {
		return []string{fmt.Sprintf("%s (%v)", at, err)}
	}
	return missing(at, was, is)
}

func generic(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func missing(at string, was, is any) (paths []string) {
	switch was := was.(type) {
	case map[string]any:
		is, _ := is.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(was)) {
			if now, there := is[name]; there || !empty(was[name]) {
				paths = append(paths, missing(at+"."+name, was[name], now)...)
			}
		}
	case []any:
		is, _ := is.([]any)
		for i := range was {
			var now any
			if i < len(is) {
				now = is[i]
			}
			paths = append(paths, missing(fmt.Sprintf("%s[%d]", at, i), was[i], now)...)
		}
	default:
		if !reflect.DeepEqual(was, is) {
			paths = []string{at}
		}
	}
	return paths
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		return v == "0"
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// unknownWords lists the values of a golden that are words of a fixed list and that
// today's code does not have.
func (g golden) unknownWords() (words []string) {
	expect := func(at, word string, known ...string) {
		if word != "" && !slices.Contains(known, word) {
			words = append(words, fmt.Sprintf("%q at %s", word, at))
		}
	}
	stages := func(at string, times fleet.Times) {
		for _, stage := range slices.Sorted(maps.Keys(times)) {
			if !slices.Contains(knownStages(), stage) {
				words = append(words, fmt.Sprintf("%q at %s.times", stage, at))
			}
		}
	}
	for _, r := range g.Runs {
		if !r.Status.Terminal() && !r.Status.CanMove(r.Status) {
			words = append(words, fmt.Sprintf("%q at %s.status", r.Status, r.RunID))
		}
		stages(r.RunID, r.Times)
	}
	for _, r := range g.Runners {
		expect(r.RunnerID+".status", string(r.Status), string(fleet.RunnerStarting), string(fleet.RunnerImageCreating), string(fleet.RunnerWaitingForJob), string(fleet.RunnerRunning), string(fleet.RunnerOffline), string(fleet.RunnerFailed))
		expect(r.RunnerID+".phase", string(r.Phase), string(fleet.Open), string(fleet.Closing), string(fleet.Closed))
		expect(r.RunnerID+".waiting_for", r.WaitingFor, fleet.WaitForImage, fleet.WaitForJob, fleet.WaitForStopped)
		expect(r.RunnerID+".task_status", r.TaskStatus, fleet.TaskPending, fleet.TaskRunning, fleet.TaskStopped)
		stages(r.RunnerID, r.Times)
	}
	doc := g.Call.Document
	if doc.Plan != nil {
		expect("plan.decision", string(doc.Plan.Decision), string(fleet.Admitted), string(fleet.Refused), string(fleet.NotWanted))
		if spec := doc.Plan.ImageSpec; spec != nil {
			expect("plan.image_spec.kind", string(spec.Kind), string(fleet.BaseImage), string(fleet.ExtraImage), string(fleet.OnDemandImage))
		}
	}
	if doc.Image != nil {
		expect("image.outcome", doc.Image.Outcome, fleet.ImageReady, fleet.ImageMissing)
	}
	if doc.Wait != nil {
		expect("wait.outcome", doc.Wait.Outcome, fleet.OutcomeTook, fleet.OutcomeStopped, fleet.OutcomeBusy, fleet.OutcomeWaiting, fleet.OutcomeReaped)
	}
	return words
}

func knownStages() []fleet.Stage {
	return []fleet.Stage{
		fleet.StageQueued, fleet.StageReceived, fleet.StageLaunched, fleet.StageAdmitted, fleet.StageImageReady, fleet.StageTaskStarted,
		fleet.StageContainerUp, fleet.StageClaimed, fleet.StageRegistered, fleet.StageJobStarted, fleet.StageJobCompleted,
		fleet.StageClosing, fleet.StageTaskStopped, fleet.StageClosed,
	}
}

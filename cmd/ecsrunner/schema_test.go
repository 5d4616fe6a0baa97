package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/bench"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/forecast"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/top"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

// schema is what a command prints as JSON.
type schema struct {
	name string // of its file in docs/schemas
	is   any
}

// schemas are those of every command that has --json. One with --dry-run has two.
var schemas = map[string][]schema{
	"bench":             {{"bench", bench.Result{}}},
	"cluster status":    {{"cluster", cluster{}}},
	"classes list":      {{"classes", map[string]fleet.Class{}}},
	"classes show":      {{"class", shownClass{}}},
	"config check":      {{"problems", checked{}}},
	"console":           {{"console", consoleLink{}}},
	"cost":              {{"cost", periodCost{}}},
	"demo":              {{"runs", []report.Run{}}},
	"doctor":            {{"doctor", doctor.Report{}}},
	"drain":             {{"drain", operate.DrainResult{}}, {"drain_plan", operate.DrainPlan{}}},
	"events list":       {{"events", []fleet.Action{}}},
	"explain":           {{"explanations", []explanation{}}},
	"images build":      {{"image", report.Image{}}},
	"images delete":     {{"image", report.Image{}}, {"image_plan", removal{}}},
	"images list":       {{"images", []report.Image{}}},
	"images refresh":    {{"refresh", operate.RefreshResult{}}},
	"pause":             {{"pause", operate.PauseResult{}}},
	"resume":            {{"resume", operate.ResumeResult{}}},
	"runners list":      {{"runners", []report.Runner{}}},
	"runners logs":      {{"log", wholeLog{}}},
	"runners show":      {{"runner", report.Runner{}}},
	"runners terminate": {{"termination", operate.TerminateResult{}}, {"termination_plan", termination{}}},
	"runs list":         {{"runs", []report.Run{}}},
	"runs retry":        {{"retry", operate.RetryResult{}}},
	"runs show":         {{"run_details", report.RunDetails{}}},
	"simulate":          {{"simulation", forecast.Report{}}},
	"stats":             {{"stats", periodStats{}}},
	"top":               {{"top", top.Moment{}}},
	"version":           {{"version", version{}}},
	"why":               {{"why", why.Answer{}}},
}

// formerNames of commands print what they print now.
var formerNames = map[string]string{"runners details": "runners show", "images rm": "images delete", "list-class-sizes": "classes list"}

// TestEveryCommandWithJSONHasASchema in docs/schemas, made from its Go type.
func TestEveryCommandWithJSONHasASchema(t *testing.T) {
	met := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		path := strings.TrimPrefix(cmd.CommandPath(), "ecsrunner ")
		if cmd.Flags().Lookup("json") == nil {
			return
		}
		if met[path] = true; len(schemasOf(path)) == 0 {
			t.Errorf("ecsrunner %s --json has no schema: give it a line in schemas, and write it with -update", path)
		}
		if cmd.Flags().Lookup(jqFlag) == nil {
			t.Errorf("ecsrunner %s has --json, and no --jq", path)
		}
	}
	visit(newRoot())
	wanted := map[string]bool{}
	for path, of := range schemas {
		if !met[path] {
			t.Errorf("schemas has %s, and there is no such command with --json", path)
		}
		for _, s := range of {
			file := schemaFile(s.name)
			if wanted[file] {
				continue
			}
			wanted[file] = true
			made := s.make(t)
			if *update {
				if err := os.WriteFile(file, made, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(kept), string(made)); diff != "" {
				t.Errorf("%s is not that of its Go type: write it with -update (-kept +made):\n%s", file, diff)
			}
		}
	}
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(schemaFile("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "fleet.schema.json" {
			continue // of the configuration
		}
		if !wanted[file] {
			t.Errorf("%s is of no command", file)
		}
		if !bytes.Contains(page, []byte("(schemas/"+filepath.Base(file)+")")) {
			t.Errorf("docs/json.md does not link %s", file)
		}
	}
}

func schemasOf(path string) []schema {
	if now, ok := formerNames[path]; ok {
		path = now
	}
	return schemas[path]
}

// schemaFile is a file of docs/schemas, from whatever folder a script runs in.
func schemaFile(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "docs", "schemas", name+".json")
}

// make writes the schema with the comments of the Go types.
func (s schema) make(t *testing.T) []byte {
	t.Helper()
	r := jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: true, Mapper: mapped}
	const module = "github.com/ecs-runner-fleet/ecs-runner-fleet/cmd/ecsrunner"
	for _, dir := range []string{".", "../../internal/report", "../../internal/fleet", "../../internal/operate", "../../internal/why", "../../internal/stages", "../../internal/execution", "../../internal/doctor", "../../internal/stats", "../../internal/cost", "../../internal/price", "../../internal/top", "../../internal/forecast"} {
		if err := r.AddGoComments(module, dir); err != nil {
			t.Fatal(err)
		}
	}
	for about, comment := range r.CommentMap {
		r.CommentMap[about] = strings.Join(strings.Fields(comment), " ")
	}
	made := r.Reflect(s.is)
	made.Title = "ecsrunner: " + s.name
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// mapped are types whose JSON is not that of their fields.
func mapped(of reflect.Type) *jsonschema.Schema {
	switch of {
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{Description: "any JSON"}
	case reflect.TypeFor[fleet.Times]():
		return &jsonschema.Schema{Type: "object", Description: "The first time of each stage.", AdditionalProperties: &jsonschema.Schema{Type: "string", Format: "date-time"}}
	case reflect.TypeFor[fleet.RunStatus]():
		return enum(fleet.RunStatuses())
	case reflect.TypeFor[price.Amount]():
		return &jsonschema.Schema{Type: "number", Description: "US dollars, with all digits"}
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "integer", Description: "nanoseconds"}
	case reflect.TypeFor[fleet.Age]():
		return &jsonschema.Schema{Type: "string", Description: "a time with its unit, such as 6h0m0s"}
	}
	return nil
}

func enum[T ~string](values []T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range append(slices.Clone(values), "") {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// check compares an output with the schemas of its command, which here allow no field that
// they do not name.
func check(path string, output []byte) error {
	var problems []error
	for _, s := range schemasOf(path) {
		err := s.check(output)
		if err == nil {
			return nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", s.name, err))
	}
	return fmt.Errorf("the output of ecsrunner %s is not as docs/schemas says: %v", path, problems)
}

func (s schema) check(output []byte) error {
	text, err := os.ReadFile(schemaFile(s.name))
	if err != nil {
		return err
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	strict(document)
	compiler := validator.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("file:///"+s.name, document); err != nil {
		return err
	}
	compiled, err := compiler.Compile("file:///" + s.name)
	if err != nil {
		return err
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(output))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

func strict(document any) {
	switch d := document.(type) {
	case map[string]any:
		if _, object := d["properties"].(map[string]any); object && d["type"] == "object" {
			d["additionalProperties"] = false
		}
		for _, v := range d {
			strict(v)
		}
	case []any:
		for _, v := range d {
			strict(v)
		}
	}
}

// checkedMain is the program, of which every JSON that a script has it print is checked.
func checkedMain() {
	args := os.Args[1:]
	if !slices.Contains(args, "--json") || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--jq") }) {
		main()
		return
	}
	var printed bytes.Buffer
	code := run(args, io.MultiWriter(os.Stdout, &printed), os.Stderr)
	if cmd, _, err := newRoot().Find(args); err == nil && printed.Len() > 0 {
		if err := check(strings.TrimPrefix(cmd.CommandPath(), "ecsrunner "), printed.Bytes()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 99
		}
	}
	os.Exit(code)
}

// TestASchemaFindsWhatIsWrong shows that check is no formality.
func TestASchemaFindsWhatIsWrong(t *testing.T) {
	good, err := json.Marshal(mixedRuns())
	if err != nil {
		t.Fatal(err)
	}
	if err := check("runs list", good); err != nil {
		t.Errorf("runs in every status: %v", err)
	}
	for name, c := range map[string]struct{ from, to string }{
		"a field that is missing":     {`"runner_id":`, `"runnerid":`},
		"a field of another kind":     {`"job_id":0`, `"job_id":"0"`},
		"a status that there is not":  {`"status":"QUEUED"`, `"status":"ASLEEP"`},
		"a time that is none":         {`T12:00:00Z"`, `"`},
		"a field that nobody told of": {`{"run_id":`, `{"secret":"x","run_id":`},
	} {
		wrong := strings.Replace(string(good), c.from, c.to, 1)
		if err := check("runs list", []byte(wrong)); err == nil || wrong == string(good) {
			t.Errorf("%s is not found", name)
		}
	}
}

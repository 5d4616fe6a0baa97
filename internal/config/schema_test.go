package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// The JSON Schema of fleet.yaml, by which editors complete and check it. Its keys and their
// types are Config's, and its descriptions are the comments of examples/fleet.yaml.
const (
	schemaPath = "../../docs/schemas/fleet.schema.json"
	schemaURL  = "https://raw.githubusercontent.com/ecs-runner-fleet/ecs-runner-fleet/main/docs/schemas/fleet.schema.json"
)

var update = flag.Bool("update", false, "write the JSON Schema")

type object = map[string]any

// durations are what time.ParseDuration reads.
const durations = `^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

// schemaOf describes what review.read takes for a field of a type.
func schemaOf(t reflect.Type, described map[string]string) object {
	text := object{"type": "string"}
	switch t {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[fleet.Age]():
		return object{"type": "string", "pattern": durations}
	case reflect.TypeFor[AppID]():
		return object{"type": []string{"string", "integer"}}
	case reflect.TypeFor[fleet.RefusalStatus]():
		return object{"enum": []fleet.RefusalStatus{fleet.RefusalStatusPrivate, fleet.RefusalStatusAlways, fleet.RefusalStatusNever}}
	case reflect.TypeFor[fleet.Compression]():
		return object{"enum": []fleet.Compression{fleet.CompressionGzip, fleet.CompressionZstd}}
	case reflect.TypeFor[Repositories](), reflect.TypeFor[fleet.Patterns]():
		return object{"anyOf": []object{text, {"type": "array", "items": text}}}
	case reflect.TypeFor[GitHubApps]():
		app := schemaOf(t.Elem(), described)
		return object{"anyOf": []object{app, {"type": "array", "items": app}}}
	}
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Pointer:
		return schemaOf(t.Elem(), described)
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem(), described)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), described)}
	case reflect.Struct:
		properties := object{}
		index, names := fieldsOf(t)
		for _, name := range names {
			property := schemaOf(t.Field(index[name]).Type, columns(described[name]))
			if says := described[name]; says != "" {
				property["description"] = says
			}
			properties[name] = property
		}
		return object{"type": "object", "additionalProperties": false, "properties": properties}
	}
	panic("no schema for fields of type " + t.String())
}

// descriptions are the comments of the example, by the keys that stand below them.
func descriptions(example string) map[string]string {
	described := map[string]string{}
	var comment []string
	key := regexp.MustCompile(`^#?([a-z_]+):`)
	for line := range strings.Lines(example) {
		line = strings.TrimRight(line, "\n")
		switch m := key.FindStringSubmatch(line); {
		case m != nil:
			if len(comment) > 0 {
				described[m[1]] = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(strings.Join(comment, "\n"), "Example:"), "Examples:"))
			} else if described[m[1]] == "" {
				described[m[1]] = "" // shown with the one above
			}
		case strings.HasPrefix(line, "# "):
			comment = append(comment, strings.TrimPrefix(line, "# "))
		case line == "" || line == "#":
			comment = nil
		}
	}
	return described
}

var column = regexp.MustCompile(`^  ([a-z_]+(?:, [a-z_]+)*)(?:  +(.*))?$`)

// columns are the parts that a comment describes in columns: names, and behind them or in the
// next lines what they mean.
func columns(comment string) map[string]string {
	described := map[string]string{}
	var names []string
	for line := range strings.Lines(comment) {
		line = strings.TrimRight(line, "\n")
		switch m := column.FindStringSubmatch(line); {
		case m != nil:
			names = strings.Split(m[1], ", ")
			for _, name := range names {
				described[name] = m[2]
			}
		case strings.HasPrefix(line, "     "):
			for _, name := range names {
				described[name] = strings.TrimSpace(described[name] + " " + strings.TrimSpace(line))
			}
		default:
			names = nil
		}
	}
	return described
}

func schema(t *testing.T) object {
	t.Helper()
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	s := schemaOf(reflect.TypeFor[Config](), descriptions(string(example)))
	s["$schema"], s["$id"] = "https://json-schema.org/draft/2020-12/schema", schemaURL
	s["title"] = "Configuration of an ECS Runner Fleet (fleet.yaml)"
	standard := reflect.ValueOf(defaults())
	index, names := fieldsOf(standard.Type())
	for _, name := range names {
		value := standard.Field(index[name])
		if (value.Kind() == reflect.String || value.Kind() == reflect.Int || value.Kind() == reflect.Bool) && !value.IsZero() {
			s["properties"].(object)[name].(object)["default"] = value.Interface()
		}
	}
	return s
}

func TestSchemaIsThatOfTheConfiguration(t *testing.T) {
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaPath, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("write it with -update, and read it (-want +got):\n%s", diff)
	}
	for _, name := range slices.Sorted(maps.Keys(schema(t)["properties"].(object))) {
		alone := map[string]bool{"security_groups": true, "runner_group": true} // described with the key above
		if says := schema(t)["properties"].(object)[name].(object)["description"]; says == nil && !alone[name] {
			t.Errorf("examples/fleet.yaml says nothing of %s", name)
		}
	}
	example, err := os.ReadFile(examplePath)
	if err != nil || !bytes.HasPrefix(example, []byte("# yaml-language-server: $schema="+schemaURL+"\n")) {
		t.Errorf("examples/fleet.yaml does not begin with the line by which editors find the schema: %v", err)
	}
}

// accepts reports whether the stored schema accepts a file.
func accepts(t *testing.T) func(file []byte) error {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiled, err := compiler.Compile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	return func(file []byte) error {
		data, err := yaml.YAMLToJSON(file)
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

// What the fleet accepts the schema accepts: an editor must not warn of what works.
func TestTheSchemaAcceptsWhatTheFleetAccepts(t *testing.T) {
	valid := accepts(t)
	files := map[string][]byte{}
	var paths []string
	for _, pattern := range []string{"../../examples/*.yaml", "../../examples/*/*.yaml", "../../functions/*/testdata/*/*.yaml", "../*/testdata/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = file
	}
	example := files[examplePath]
	files["the example with all on"], files["the example of an enterprise"] = uncomment(example), enterpriseInPlace(example)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllSubmatch(text, -1) {
			file := m[1]
			if !bytes.Contains(file, []byte("github_repo:")) && !bytes.Contains(file, []byte("github_org:")) {
				file = append([]byte("github_repo: octo-org/app\n"), file...)
			}
			files[page+": "+string(m[1])] = file
		}
	}
	accepted := 0
	for name, file := range files {
		if _, err := Parse(file, name); err != nil {
			continue // workflows, pieces of a file, and what is shown to be wrong
		}
		accepted++
		if err := valid(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if accepted < 10 {
		t.Errorf("only %d files are accepted", accepted)
	}
}

func TestTheSchemaRefusesWhatTheFleetCannotRead(t *testing.T) {
	valid := accepts(t)
	for name, file := range map[string]string{
		"an unknown key":               "max_runner: 3",
		"an unknown limit":             "limits: {idel: 5m}",
		"an unknown key of a class":    "runner_class_sizes: {small: {cpus: 512, memory: 1024}}",
		"an unknown key of a rule":     "policy: [{name: a, allow: true, repo: a/b}]",
		"text for a number":            "max_runners: many",
		"a fraction for a number":      "max_runners: 2.5",
		"text for true or false":       "runner_sudo: 'yes'",
		"another compression":          "image_compression: lz4",
		"a number for a time":          "limits: {idle: 300}",
		"a time without its unit":      "limits: {idle: '300'}",
		"a mapping for a list":         "subnet_ids: {a: b}",
		"text for a list":              "subnet_ids: subnet-0a1b2c3d4e5f67890",
		"a number for text":            "runner_image_tag: 24",
		"a list in a list":             "github_repo: [[octo-org/app]]",
		"a key without a value":        "default_class:",
		"a word that is no status":     "refusal_status: sometimes",
		"an App without a mapping":     "github_app: 5",
		"a pattern that is no text":    "policy: [{name: a, allow: true, owner: 5}]",
		"a list in place of a mapping": "limits: [5m]",
	} {
		text := []byte(file)
		if !strings.HasPrefix(file, "github_repo") {
			text = []byte("github_repo: octo-org/app\n" + file)
		}
		if _, err := Parse(text, name); err == nil {
			t.Errorf("%s: the fleet accepts it", name)
		}
		if err := valid(text); err == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

//go:build aws

package flow

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
)

// The account and region that the template is resolved for.
const (
	account = "123456789012"
	region  = "us-east-1"
)

// template is a synthesised stack.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }

	dir    string // of the cloud assembly
	assets map[string]string
}

type resource struct {
	Type       string
	Properties map[string]any
}

// The variables that name the cloud assemblies that scripts/test-flow wrote: of
// testdata/fleet.yaml and of testdata/enterprise.yaml.
const (
	envAssembly   = "FLOW_ASSEMBLY"
	envEnterprise = "FLOW_ENTERPRISE_ASSEMBLY"
)

// loadTemplate reads the one stack of an assembly.
func loadTemplate(t testing.TB, assembly string) *template {
	t.Helper()
	dir := os.Getenv(assembly)
	if dir == "" {
		t.Fatalf("%s is not set: `make test-aws` writes the cloud assembly and sets it", assembly)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.template.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s has %d templates, want 1: %v", dir, len(found), err)
	}
	tpl := &template{dir: dir, assets: map[string]string{}}
	readJSON(t, found[0], tpl)
	var manifest struct {
		Files map[string]struct {
			Source struct {
				Path string `json:"path"`
			} `json:"source"`
		} `json:"files"`
	}
	readJSON(t, strings.TrimSuffix(found[0], ".template.json")+".assets.json", &manifest)
	for hash, file := range manifest.Files {
		tpl.assets[hash] = filepath.Join(dir, file.Source.Path)
	}
	return tpl
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
}

// of lists the logical ids of all resources of a type, sorted.
func (tpl *template) of(kind string) []string {
	var ids []string
	for id, r := range tpl.Resources {
		if r.Type == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// functions are the logical ids of the fleet's functions, by the names of their
// folders.
func (tpl *template) functions(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, id := range tpl.of("AWS::Lambda::Function") {
		for _, f := range functions.All {
			name := f.Folder()
			if physical, _ := tpl.Resources[id].Properties["FunctionName"].(string); strings.HasSuffix(physical, "-"+name) {
				found[name] = id
			}
		}
	}
	if len(found) != len(functions.All) {
		t.Fatalf("the template has the functions %v, and %d are known", found, len(functions.All))
	}
	return found
}

// identity is what Ref and GetAtt return of a resource that exists.
type identity struct {
	ref        string
	attributes map[string]string
}

// resolver gives the template's values, as CloudFormation would for the stack that
// a deployer made.
type resolver struct {
	t   testing.TB
	tpl *template
	// make creates a resource, or returns what it would be called.
	make func(id string, r resource) identity
	made map[string]identity
}

func (r *resolver) identity(id string) identity {
	if known, ok := r.made[id]; ok {
		return known
	}
	res, ok := r.tpl.Resources[id]
	if !ok {
		r.t.Fatalf("the template refers to %s, which it has not", id)
	}
	made := r.make(id, res)
	r.made[id] = made
	return made
}

var pseudo = map[string]string{
	"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
	"AWS::StackName": "flow", "AWS::StackId": "arn:aws:cloudformation:" + region + ":" + account + ":stack/flow/1", "AWS::NoValue": "",
}

// text is a value that must be one string.
func (r *resolver) text(v any) string {
	switch v := r.value(v).(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// value replaces the intrinsic functions in a value.
func (r *resolver) value(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = r.value(item)
		}
		return out
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				if out, ok := r.intrinsic(name, arg); ok {
					return out
				}
			}
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = r.value(item)
		}
		return out
	}
	return v
}

func (r *resolver) intrinsic(name string, arg any) (any, bool) {
	switch name {
	case "Ref":
		id := arg.(string)
		if text, ok := pseudo[id]; ok {
			return text, true
		}
		return r.identity(id).ref, true
	case "Fn::GetAtt":
		parts, ok := arg.([]any)
		if !ok {
			r.t.Fatalf("GetAtt of %v", arg)
		}
		id, attribute := parts[0].(string), parts[1].(string)
		got, ok := r.identity(id).attributes[attribute]
		if !ok {
			r.t.Fatalf("%s (%s) has no attribute %s here", id, r.tpl.Resources[id].Type, attribute)
		}
		return got, true
	case "Fn::Join":
		parts := arg.([]any)
		var texts []string
		for _, item := range parts[1].([]any) {
			texts = append(texts, r.text(item))
		}
		return strings.Join(texts, parts[0].(string)), true
	case "Fn::Select":
		parts := arg.([]any)
		list := r.value(parts[1]).([]any)
		var index int
		if _, err := fmt.Sscan(fmt.Sprint(parts[0]), &index); err != nil {
			r.t.Fatal(err)
		}
		return list[index], true
	case "Fn::Split":
		parts := arg.([]any)
		var out []any
		for _, part := range strings.Split(r.text(parts[1]), parts[0].(string)) {
			out = append(out, part)
		}
		return out, true
	case "Fn::GetAZs":
		return []any{region + "a", region + "b"}, true
	case "Fn::Sub":
		text, ok := arg.(string)
		if !ok {
			r.t.Fatalf("Sub with a map: %v", arg)
		}
		for name, value := range pseudo {
			text = strings.ReplaceAll(text, "${"+name+"}", value)
		}
		if strings.Contains(text, "${") {
			r.t.Fatalf("Sub of more than pseudo parameters: %s", text)
		}
		return text, true
	}
	if strings.HasPrefix(name, "Fn::") {
		r.t.Fatalf("%s is not known here", name)
	}
	return nil, false
}

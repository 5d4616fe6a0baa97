package runnerfleet_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// template is a CloudFormation template.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

type resource struct {
	Type           string
	Properties     map[string]any
	DependsOn      any
	DeletionPolicy string
	Metadata       map[string]any
}

// list are the resources of a type, by their logical ids.
func (t template) list(kind string) map[string]resource {
	found := maps.Clone(t.Resources)
	maps.DeleteFunc(found, func(_ string, r resource) bool { return r.Type != kind })
	return found
}

// ids are the logical ids of a type, sorted.
func (t template) ids(kind string) []string { return slices.Sorted(maps.Keys(t.list(kind))) }

// idOf is the logical id of the one resource of a type whose id begins so.
func (t template) idOf(test *testing.T, kind, begin string) string {
	test.Helper()
	var found []string
	for _, id := range t.ids(kind) {
		if strings.HasPrefix(id, begin) {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		test.Fatalf("%d resources of type %s begin with %s: %v", len(found), kind, begin, found)
	}
	return found[0]
}

// only is the one resource of a type.
func (t template) only(kind string) resource {
	for _, r := range t.list(kind) {
		if len(t.list(kind)) == 1 {
			return r
		}
	}
	panic(fmt.Sprintf("%d resources of type %s", len(t.list(kind)), kind))
}

// function is a Lambda function by its folder.
func (t template) function(folder string) resource {
	for _, r := range t.list("AWS::Lambda::Function") {
		if name, _ := r.Properties["FunctionName"].(string); strings.HasSuffix(name, "-"+folder) {
			return r
		}
	}
	panic("no function " + folder)
}

// variables are the environment of a function.
func (r resource) variables() map[string]any {
	return at[map[string]any](r.Properties, "Environment", "Variables")
}

// at walks into a property. It is the zero value if nothing is there.
func at[T any](value any, path ...any) T {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				value = nil
				continue
			}
			value = list[step]
		}
	}
	out, _ := value.(T)
	return out
}

// flat is any value as one line, to be searched.
func flat(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// several is a property that CloudFormation takes as one or as a list.
func several(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	if value == nil {
		return nil
	}
	return []any{value}
}

// statement is one of a policy, with the resource that has it.
type statement struct {
	of, effect         string
	actions, resources []string
	raw                map[string]any
}

// statements are those of all roles and queues.
func (t template) statements() (all []statement) {
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		documents := several(r.Properties["PolicyDocument"])
		for _, policy := range several(r.Properties["Policies"]) {
			documents = append(documents, at[any](policy, "PolicyDocument"))
		}
		for _, document := range documents {
			for _, raw := range several(at[any](document, "Statement")) {
				s := statement{of: id, effect: at[string](raw, "Effect"), raw: raw.(map[string]any)}
				for _, action := range several(s.raw["Action"]) {
					s.actions = append(s.actions, action.(string))
				}
				for _, r := range several(s.raw["Resource"]) {
					if text, ok := r.(string); ok {
						s.resources = append(s.resources, text)
						continue
					}
					s.resources = append(s.resources, flat(r))
				}
				all = append(all, s)
			}
		}
	}
	return all
}

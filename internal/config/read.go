package config

import (
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// read takes the value of key into a field. The field's type says what the file
// must have: no other type is converted, so that a typing error is an error.
func (r *review) read(key string, n ast.Node, into reflect.Value) {
	switch into.Type() {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[fleet.Age]():
		r.duration(key, n, into)
		return
	case reflect.TypeFor[AppID]():
		if whole, ok := n.(*ast.IntegerNode); ok {
			into.SetString(whole.GetToken().Value)
			return
		}
	case reflect.TypeFor[GitHubApps]():
		if _, list := n.(*ast.SequenceNode); !list {
			one := GitHubApps{{}}
			r.read(key, n, reflect.ValueOf(&one).Elem().Index(0))
			into.Set(reflect.ValueOf(one))
			return
		}
	case reflect.TypeFor[Repositories](), reflect.TypeFor[fleet.Patterns]():
		switch n.(type) {
		case *ast.SequenceNode:
		case *ast.MappingNode, *ast.MappingValueNode:
			r.refuse(key, "must be a text or a list of them, not %s", describe(n))
			return
		default: // it stands by itself, in no list
			into.Set(reflect.MakeSlice(into.Type(), 1, 1))
			r.text(key, n, into.Index(0))
			return
		}
	}
	switch into.Kind() {
	case reflect.String:
		r.text(key, n, into)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			into.SetBool(b.Value)
		} else {
			r.refuse(key, "must be true or false, not %s", describe(n))
		}
	case reflect.Int:
		r.integer(key, n, into)
	case reflect.Slice:
		r.sequence(key, n, into)
	case reflect.Map:
		r.mapping(key, n, into)
	case reflect.Struct:
		r.structure(key, n, into)
	case reflect.Pointer: // nil is a key that is not there
		value := reflect.New(into.Type().Elem())
		r.read(key, n, value.Elem())
		into.Set(value)
	default:
		panic("config: no reader for fields of type " + into.Type().String())
	}
}

func (r *review) text(key string, n ast.Node, into reflect.Value) {
	switch n := n.(type) {
	case *ast.StringNode:
		into.SetString(n.Value)
	case *ast.LiteralNode:
		into.SetString(strings.TrimSuffix(n.Value.Value, "\n"))
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		if into.Type() == reflect.TypeFor[SecretRef]() {
			r.refuse(key, "must be a reference to a secret, not %s; %s", describe(n), howToStore)
			return
		}
		r.refuse(key, "must be text, not %s; write it in quotes", describe(n))
	default:
		r.refuse(key, "must be text, not %s", describe(n))
	}
	if githubToken.MatchString(into.String()) { // people do paste tokens under any key
		r.refuse(key, "%s", tokenInFile)
	}
}

func (r *review) integer(key string, n ast.Node, into reflect.Value) {
	whole, ok := n.(*ast.IntegerNode)
	if !ok {
		r.refuse(key, "must be a whole number, not %s", describe(n))
		return
	}
	switch v := whole.Value.(type) {
	case int64:
		into.SetInt(v)
	case uint64:
		into.SetInt(int64(min(v, math.MaxInt64)))
	}
}

func (r *review) duration(key string, n ast.Node, into reflect.Value) {
	text, ok := n.(*ast.StringNode)
	if !ok {
		r.refuse(key, "must be a time with its unit, such as 90s, 15m or 1h30m, not %s", describe(n))
		return
	}
	d, err := time.ParseDuration(text.Value)
	if err != nil {
		r.refuse(key, "%s is not a time; write it with its unit, such as 90s, 15m or 1h30m", quote(text.Value))
		return
	}
	into.SetInt(int64(d))
}

// sequence reads a list. An empty one is not nil: it was asked for.
func (r *review) sequence(key string, n ast.Node, into reflect.Value) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.refuse(key, "must be a list, not %s", describe(n))
		return
	}
	out := reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values))
	for i, item := range list.Values {
		at := indexed(key, i)
		r.lines[at] = lineOf(item)
		r.read(at, item, out.Index(i))
	}
	into.Set(out)
}

// mapping reads a map from names to values. All our maps have labels for keys,
// which GitHub compares ignoring case. The map replaces the default.
func (r *review) mapping(key string, n ast.Node, into reflect.Value) {
	entries, ok := r.entries(key, n, strings.ToLower)
	if !ok {
		return
	}
	out := reflect.MakeMap(into.Type())
	for _, e := range entries {
		value := reflect.New(into.Type().Elem()).Elem()
		r.read(e.key, e.value, value)
		out.SetMapIndex(reflect.ValueOf(e.name), value)
	}
	into.Set(out)
}

func (r *review) structure(key string, n ast.Node, into reflect.Value) {
	entries, ok := r.entries(key, n, nil)
	if !ok {
		return
	}
	fields, names := fieldsOf(into.Type())
	for _, e := range entries {
		if i, known := fields[e.name]; known {
			r.read(e.key, e.value, into.Field(i))
			continue
		}
		r.refuse(e.key, "is not a key of this configuration%s", didYouMean(e.name, names))
	}
}

func didYouMean(name string, names []string) string {
	if s := suggest(name, names); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}

// fieldsOf lists the fields of a struct by their keys. Types of other packages
// have only the names of their JSON, which are the same.
func fieldsOf(t reflect.Type) (index map[string]int, names []string) {
	index = map[string]int{}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name := tag.Get("yaml")
		switch name {
		case "-":
			continue // it is no key
		case "":
			name, _, _ = strings.Cut(tag.Get("json"), ",")
		}
		index[name] = i
		names = append(names, name)
	}
	return index, names
}

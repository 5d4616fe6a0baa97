package config

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Changes are the keys that set changes from their defaults, for a program that has its
// configuration in Go. They are read and checked like a file's: from is the place that
// their problems name.
//
// What is zero in a class, and what set leaves alone in Limits, keeps its default.
func Changes(set func(*Config), from string) []Override {
	was, is := defaults(), defaults()
	set(&is)
	before, after := reflect.ValueOf(was), reflect.ValueOf(is)
	var out []Override
	for i, key := range Keys() {
		if reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			continue
		}
		text, err := json.Marshal(written(after.Field(i), before.Field(i)))
		if err != nil {
			panic(err) // texts, numbers, lists and maps of them
		}
		out = append(out, Override{Key: key, Text: string(text), From: from})
	}
	return out
}

// written is a value as it would stand in the file. Of a struct, it has the fields that
// differ from before.
func written(v, before reflect.Value) any {
	switch v.Type() {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[fleet.Age]():
		return time.Duration(v.Int()).String()
	}
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		fields, names := fieldsOf(v.Type())
		for _, name := range names {
			if is, was := v.Field(fields[name]), before.Field(fields[name]); !reflect.DeepEqual(is.Interface(), was.Interface()) {
				out[name] = written(is, was)
			}
		}
		return out
	case reflect.Pointer:
		if !v.IsNil() {
			return written(v.Elem(), reflect.Zero(v.Type().Elem()))
		}
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, written(v.Index(i), reflect.Zero(v.Type().Elem())))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for each := v.MapRange(); each.Next(); {
			out[each.Key().String()] = written(each.Value(), reflect.Zero(v.Type().Elem()))
		}
		return out
	}
	return v.Interface()
}

package engine

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestRecordsAreWrittenAsEncodingJSONWritesThem fills each field in turn, so a field that is
// new in a record or an event cannot be forgotten.
func TestRecordsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	var record Record
	var event Event
	same := func(what string) {
		t.Helper()
		if got, want := string(record.AppendJSON(nil)), marshal(t, record); got != want {
			t.Errorf("a record with %s:\n%s\nencoding/json:\n%s", what, got, want)
		}
		if got, want := string(AppendEvents(nil, []Event{event, {}, event})), marshal(t, []Event{event, {}, event}); got != want {
			t.Errorf("events with %s:\n%s\nencoding/json:\n%s", what, got, want)
		}
	}
	same("nothing")
	for _, all := range []bool{false, true} {
		for _, of := range []any{&record, &event} {
			whole := reflect.ValueOf(of).Elem()
			for _, field := range reflect.VisibleFields(whole.Type()) {
				if field.Anonymous {
					continue
				}
				for _, value := range valuesOf(t, field.Type) {
					whole.FieldByIndex(field.Index).Set(reflect.ValueOf(value).Convert(field.Type))
					same(field.Name)
				}
				if !all {
					whole.FieldByIndex(field.Index).SetZero()
				}
			}
		}
	}
	if got := string(AppendEvents(nil, nil)); got != "[]" {
		t.Errorf("no events are %s", got)
	}
}

func valuesOf(t *testing.T, of reflect.Type) []any {
	t.Helper()
	switch reflect.Zero(of).Interface().(type) {
	case time.Time:
		return []any{time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), time.Date(2026, 3, 4, 5, 6, 7, 890, time.FixedZone("", 3600))}
	case json.RawMessage:
		return []any{json.RawMessage(`null`), json.RawMessage(`{"a":[1,"\u00e9ü"]}`)}
	case []int:
		return []any{[]int{}, []int{3}, []int{0, -1, 2}}
	}
	switch of.Kind() {
	case reflect.String:
		return []any{"plain", `"quoted" \`, "a\nb\x00", "ü\u2028\xff", "<a>&b"}
	case reflect.Int, reflect.Int64:
		return []any{int64(7), int64(-1)}
	}
	t.Fatalf("no values of %s", of)
	return nil
}

// marshal is encoding/json's text, with <, > and & as they are.
func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// State data stays text from one end of an execution to the other: it is looked
// up and spliced, never decoded into a tree, so numbers keep every digit and a
// transition costs one pass. Everything below relies on what ingest guarantees,
// valid JSON without white space, and nothing writes into a value it was given.

var errNotJSON = errors.New("not valid JSON")

// ingest returns a private, compact copy of a value that comes from outside.
// Nothing at all counts as null, as in a function that returns nothing.
func ingest(raw []byte) (json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return json.RawMessage("null"), nil
	}
	if !utf8.Valid(raw) {
		return nil, errNotJSON
	}
	var b bytes.Buffer
	b.Grow(len(raw))
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	return b.Bytes(), nil
}

// skip returns the index behind the value that starts at raw[i].
func skip(raw []byte, i int) int {
	switch raw[i] {
	case '"':
		return skipString(raw, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch raw[i] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			case '"':
				i = skipString(raw, i) - 1
			}
		}
	}
	for i < len(raw) && raw[i] != ',' && raw[i] != '}' && raw[i] != ']' {
		i++
	}
	return i
}

func skipString(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// eachMember visits the members of an object in their order: the key with its
// quotes, and where the value starts and ends in raw.
func eachMember(raw []byte, visit func(key []byte, start, end int)) {
	for i := 1; raw[i] != '}'; {
		colon := skipString(raw, i)
		end := skip(raw, colon+1)
		visit(raw[i:colon], colon+1, end)
		if i = end; raw[i] == ',' {
			i++
		}
	}
}

// eachElement is eachMember for arrays.
func eachElement(raw []byte, visit func(start, end int)) {
	for i := 1; raw[i] != ']'; {
		end := skip(raw, i)
		visit(i, end)
		if i = end; raw[i] == ',' {
			i++
		}
	}
}

// member finds the value of a key. Of a key that occurs twice the last one
// counts, as everywhere in encoding/json.
func member(object []byte, key string) (start, end int, found bool) {
	eachMember(object, func(k []byte, s, e int) {
		if isKey(k, key) {
			start, end, found = s, e, true
		}
	})
	return start, end, found
}

func isKey(quoted []byte, key string) bool {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquote(quoted) == key
	}
	return string(quoted[1:len(quoted)-1]) == key
}

func unquote(quoted []byte) string {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		panic("engine: string in scanned JSON: " + err.Error()) // ingest has validated it
	}
	return s
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("engine: marshal a string: " + err.Error()) // no string does that
	}
	return b
}

// sameJSON reports whether two values mean the same: white space, the order of
// keys and the spelling of a number make no difference.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	return sameValue(decode(a), decode(b))
}

func decode(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err // equal to nothing
	}
	return v
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !sameValue(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(string(a), string(b))
	case error:
		return false
	}
	return a == b
}

// sameNumber compares integers by their digits, because a float64 would take
// neighbouring large ids for one.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if _, err := strconv.ParseInt(a, 10, 64); err == nil {
		if _, err := strconv.ParseInt(b, 10, 64); err == nil {
			return false
		}
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

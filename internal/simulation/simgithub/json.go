package simgithub

import (
	"encoding/json"
	"strconv"
	"time"
)

// writer writes JSON without reflection: a simulated year asks for millions of answers.
type writer struct{ b []byte }

func (w *writer) comma() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' && w.b[n-1] != ':' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) open(c byte) *writer {
	w.comma()
	w.b = append(w.b, c)
	return w
}

func (w *writer) close(c byte) *writer {
	w.b = append(w.b, c)
	return w
}

func (w *writer) key(k string) *writer {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, k...)
	w.b = append(w.b, '"', ':')
	return w
}

func (w *writer) value(s string) *writer {
	w.comma()
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always marshals
			w.b = append(w.b, quoted...)
			return w
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
	return w
}

func (w *writer) text(k, v string) *writer { return w.key(k).value(v) }

// textOrNull writes "" as null.
func (w *writer) textOrNull(k, v string) *writer {
	if v == "" {
		return w.null(k)
	}
	return w.text(k, v)
}

func (w *writer) null(k string) *writer {
	w.key(k)
	w.b = append(w.b, "null"...)
	return w
}

func (w *writer) number(k string, v int64) *writer {
	w.key(k)
	w.b = strconv.AppendInt(w.b, v, 10)
	return w
}

func (w *writer) boolean(k string, v bool) *writer {
	w.key(k)
	w.b = strconv.AppendBool(w.b, v)
	return w
}

// time writes whole seconds, as GitHub does.
func (w *writer) time(k string, t time.Time) *writer {
	if t.IsZero() {
		return w.null(k)
	}
	w.key(k)
	w.b = append(w.b, '"')
	w.b = t.UTC().AppendFormat(w.b, "2006-01-02T15:04:05Z")
	w.b = append(w.b, '"')
	return w
}

func (w *writer) texts(k string, all []string) *writer {
	w.key(k).open('[')
	for _, s := range all {
		w.value(s)
	}
	return w.close(']')
}

// fields adds what a map holds, in the order of its keys.
func (w *writer) fields(all map[string]any) *writer {
	encoded, err := json.Marshal(all)
	if err != nil {
		panic(err) // made of strings, numbers and maps only
	}
	if len(encoded) > len("{}") {
		w.comma()
		w.b = append(w.b, encoded[1:len(encoded)-1]...)
	}
	return w
}

// raw adds a value that is JSON already.
func (w *writer) raw(encoded []byte) *writer {
	w.comma()
	w.b = append(w.b, encoded...)
	return w
}

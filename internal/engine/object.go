package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// problems collects everything that is wrong with a definition.
type problems struct{ list []error }

func (p *problems) add(at, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if at != "" {
		text = at + ": " + text
	}
	p.list = append(p.list, errors.New(text))
}

func (p *problems) err() error { return errors.Join(p.list...) }

// object reads the fields of one JSON object of a definition. It remembers which
// ones the parser asked for: the others are not implemented.
type object struct {
	at     string // where it stands, for problems
	fields map[string]json.RawMessage
	order  []string
	asked  map[string]bool
	*problems
}

func newObject(at string, raw json.RawMessage, p *problems) *object {
	o := &object{at: at, fields: map[string]json.RawMessage{}, asked: map[string]bool{}, problems: p}
	if raw[0] != '{' {
		p.add(at, "is not a JSON object")
		return o
	}
	eachMember(raw, func(key []byte, start, end int) {
		name := unquote(key)
		o.fields[name] = raw[start:end]
		o.order = append(o.order, name)
	})
	return o
}

func (o *object) bad(field, format string, args ...any) {
	o.add(o.at, "field %q "+format, append([]any{field}, args...)...)
}

func (o *object) get(field string) (json.RawMessage, bool) {
	o.asked[field] = true
	raw, ok := o.fields[field]
	return raw, ok
}

// refuseRest names every field that was not asked for.
func (o *object) refuseRest() {
	for _, field := range o.order {
		if !o.asked[field] {
			o.bad(field, "is not implemented")
		}
	}
}

func (o *object) text(field string) (string, bool) {
	raw, ok := o.get(field)
	if !ok {
		return "", false
	}
	if raw[0] != '"' {
		o.bad(field, "is not a string")
		return "", false
	}
	return unquote(raw), true
}

// needText is text for a required field, which must not be empty.
func (o *object) needText(field string) string {
	s, ok := o.text(field)
	switch {
	case !ok && o.fields[field] == nil:
		o.bad(field, "is missing")
	case ok && s == "":
		o.bad(field, "is empty")
	}
	return s
}

func (o *object) boolean(field string) (value, ok bool) {
	raw, ok := o.get(field)
	if !ok {
		return false, false
	}
	if s := string(raw); s != "true" && s != "false" {
		o.bad(field, "is not true or false")
		return false, false
	}
	return raw[0] == 't', true
}

// whole reads an integer between least and most.
func (o *object) whole(field string, least, most int64) (int64, bool) {
	raw, ok := o.get(field)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < least || n > most {
		o.bad(field, "is not a whole number from %d to %d", least, most)
		return 0, false
	}
	return n, true
}

func (o *object) number(field string) (float64, bool) {
	raw, ok := o.get(field)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		o.bad(field, "is not a number")
		return 0, false
	}
	return f, true
}

func (o *object) path(field string) *path {
	s, ok := o.text(field)
	if !ok {
		return nil
	}
	p, err := parsePath(s)
	if err != nil {
		o.add(fmt.Sprintf("%s: field %q", o.at, field), "%v", err)
	}
	return p
}

// place reads a ResultPath: nil where it is null, $ where it is missing.
func (o *object) place() *path {
	raw, ok := o.get("ResultPath")
	if !ok {
		return &path{text: "$"}
	}
	if string(raw) == "null" {
		return nil
	}
	s, ok := o.text("ResultPath")
	if !ok {
		return nil
	}
	p, err := parseResultPath(s)
	if err != nil {
		o.add(o.at+`: field "ResultPath"`, "%v", err)
	}
	return p
}

// either reads a value that is given directly or by a path: Name or NamePath.
func (o *object) either(field string, constant func(field string)) *path {
	p := o.path(field + "Path")
	if _, both := o.fields[field]; both && o.fields[field+"Path"] != nil {
		o.bad(field+"Path", "stands beside %q", field)
	}
	constant(field)
	return p
}

// objects reads a list of objects.
func (o *object) objects(field string) []*object {
	raw, ok := o.get(field)
	if !ok {
		return nil
	}
	if raw[0] != '[' {
		o.bad(field, "is not an array")
		return nil
	}
	var list []*object
	eachElement(raw, func(start, end int) {
		at := fmt.Sprintf("%s: %s[%d]", o.at, field, len(list))
		list = append(list, newObject(at, raw[start:end], o.problems))
	})
	return list
}

func (o *object) texts(field string) []string {
	raw, ok := o.get(field)
	var list []string
	if !ok || json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		o.bad(field, "is not a list of strings")
		return nil
	}
	return list
}

// readDefinition checks that text is one JSON value, whose objects have every
// key once, and returns it compact.
func readDefinition(text []byte) (json.RawMessage, error) {
	raw, err := ingest(text)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var p problems
	if err := findDuplicates(d, "", &p); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	return raw, p.err()
}

func findDuplicates(d *json.Decoder, at string, p *problems) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			if seen[name] {
				p.add(at, "key %q occurs twice", name)
			}
			seen[name] = true
			if err := findDuplicates(d, at+"/"+name, p); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := findDuplicates(d, at+"/"+strconv.Itoa(i), p); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token()
	return err
}

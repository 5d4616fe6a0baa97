package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decode reads a document in one pass. What into has no field for is checked to be JSON and
// skipped. Of a name that comes twice the later value counts, as it always has; bytes that
// are no UTF-8 become U+FFFD.
//
// Errors say where a document is wrong, and never show what it holds.
func decode(doc []byte, into any) error {
	switch first := bytes.TrimLeft(doc, " \t\r\n"); {
	case len(first) == 0:
		return errors.New("the payload is no JSON: it is empty")
	case first[0] != '{':
		return errors.New("the payload is not a JSON object")
	}
	return explain(json.Unmarshal(doc, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)))
}

// index is the part of a JSON pointer that is an element of an array.
var index = regexp.MustCompile(`/\d+`)

func explain(err error) error {
	var syntax *jsontext.SyntacticError
	var mismatch *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("the payload is no JSON: %s at byte %d", syntax.Err, syntax.ByteOffset)
	case errors.As(err, &mismatch):
		field := strings.ReplaceAll(strings.TrimPrefix(index.ReplaceAllString(string(mismatch.JSONPointer), ""), "/"), "/", ".")
		return fmt.Errorf("the payload's %s is of another type than GitHub sends", field)
	}
	return errors.New("the payload is no JSON")
}

package workflow

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// node is a part of a YAML file.
type node = ast.Node

// entry is one key of a mapping and its value.
type entry struct {
	key   string
	at    node
	value node
}

// reader walks a YAML file and gathers what is wrong with it.
type reader struct {
	file     string
	problems Problems
}

func (r *reader) problem(n node, format string, args ...any) {
	line := 1
	if token := n.GetToken(); token != nil && token.Position != nil {
		line = token.Position.Line
	}
	r.problems = append(r.problems, Problem{r.file, line, fmt.Sprintf(format, args...)})
}

// document returns the root of a file with one YAML document.
func (r *reader) document(content []byte) (node, bool) {
	if len(content) > maxFile {
		return r.refuse(1, fmt.Sprintf("the file is longer than %d bytes", maxFile))
	}
	tokens := lexer.Tokenize(string(content))
	if reason, line := refusal(tokens); reason != "" {
		return r.refuse(line, reason)
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		text, line := err.Error(), 1
		if syntax, ok := errors.AsType[yaml.Error](err); ok {
			text = syntax.GetMessage()
			if token := syntax.GetToken(); token != nil && token.Position != nil {
				line = token.Position.Line
			}
		}
		return r.refuse(line, "not YAML: "+text)
	}
	docs := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(docs) != 1 {
		return r.refuse(1, fmt.Sprintf("the file has %d YAML documents instead of one workflow", len(docs)))
	}
	return docs[0].Body, true
}

// refuse is a problem with the file as a whole.
func (r *reader) refuse(line int, text string) (node, bool) {
	r.problems = append(r.problems, Problem{r.file, line, text})
	return nil, false
}

// entries returns the keys of a mapping in the order of the file.
func (r *reader) entries(n node, what string) []entry {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		r.unexpected(n, what, "a mapping")
		return nil
	}
	var all []entry
	for _, pair := range pairs {
		key, ok := r.scalar(pair.Key, "a key of "+what)
		if ok {
			all = append(all, entry{key, pair.Key, pair.Value})
		}
	}
	return all
}

// mapping returns the values of a mapping whose keys are all known. It returns
// nil for anything else.
func (r *reader) mapping(n node, what string, known ...string) map[string]node {
	before := len(r.problems)
	all := r.entries(n, what)
	if all == nil && len(r.problems) > before {
		return nil
	}
	values := map[string]node{}
	for _, e := range all {
		if !slices.Contains(known, e.key) {
			r.problem(e.at, "%s.%s is not supported: known are %s", what, e.key, strings.Join(known, ", "))
			continue
		}
		values[e.key] = e.value
	}
	return values
}

// list returns the elements of a list, or false for anything else.
func (r *reader) list(n node) ([]node, bool) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, false
	}
	return s.Values, true
}

// scalar returns a plain value as GitHub would write it into a string.
func (r *reader) scalar(n node, what string) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.BoolNode:
		return strconv.FormatBool(v.Value), true
	case *ast.IntegerNode:
		return fmt.Sprint(v.Value), true
	case *ast.FloatNode:
		return strconv.FormatFloat(v.Value, 'g', -1, 64), true
	case *ast.NullNode:
		return "", true
	}
	r.unexpected(n, what, "a plain value")
	return "", false
}

func (r *reader) unexpected(n node, what, wanted string) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		r.problem(n, "%s: anchors, aliases, merges and tags are not supported", what)
	default:
		r.problem(n, "%s must be %s", what, wanted)
	}
}

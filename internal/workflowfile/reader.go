package workflowfile

import (
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// reader takes values out of a file. What is behind an alias it reads at its anchor.
type reader struct {
	anchors map[string]ast.Node
	left    *int // of mostValues
}

// mostValues is how many values are read. Aliases could make a small file a huge one.
const mostValues = 100_000

// Visit notes anchors.
func (r reader) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		r.anchors[a.Name.GetToken().Value] = a.Value
	}
	return r
}

// deepest is how many aliases, anchors and tags lie before a value at most.
const deepest = 10

// bare is a value without anchor, alias or tag, nil if there is none.
func (r reader) bare(n ast.Node) ast.Node {
	for range deepest {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			n = r.anchors[v.Value.GetToken().Value]
		case *ast.TagNode:
			n = v.Value
		case nil:
			return nil
		default:
			return n
		}
	}
	return nil
}

type entry struct {
	key   string
	line  int
	value ast.Node
}

// entries lists a mapping in the order of the file; ok is false if n is none.
func (r reader) entries(n ast.Node) (entries []entry, ok bool) {
	var pairs []*ast.MappingValueNode
	switch n := r.bare(n).(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	for _, pair := range pairs {
		if _, merge := pair.Key.(*ast.MergeKeyNode); merge {
			continue // GitHub has none
		}
		key, _ := r.value(pair.Key).(string)
		if token := pair.Key.GetToken(); key == "" && token != nil {
			key = token.Value
		}
		entries = append(entries, entry{key, line(pair.Key), pair.Value})
	}
	return entries, true
}

// entry is the value of a key, nil if there is none.
func (r reader) entry(n ast.Node, key string) ast.Node {
	value, _ := r.entryAt(n, key)
	return value
}

func (r reader) entryAt(n ast.Node, key string) (value ast.Node, at int) {
	entries, _ := r.entries(n)
	for _, e := range entries {
		if e.key == key {
			return r.bare(e.value), e.line
		}
	}
	return nil, 0
}

// value is what the file says: nil, a string, a []any or a map[string]any. Numbers and
// truth are the text that an expression makes of them, for labels are text.
func (r reader) value(n ast.Node) any { return r.valueWithin(n, maxNesting) }

// maxNesting bounds what an alias within its own anchor would make endless.
const maxNesting = 50

func (r reader) valueWithin(n ast.Node, depth int) any {
	if *r.left--; depth == 0 || *r.left < 0 {
		return nil
	}
	switch v := r.bare(n).(type) {
	case *ast.StringNode:
		return v.Value
	case *ast.LiteralNode:
		return v.Value.Value
	case *ast.BoolNode:
		return strconv.FormatBool(v.Value)
	case *ast.IntegerNode:
		return fmt.Sprint(v.Value)
	case *ast.FloatNode:
		return strconv.FormatFloat(v.Value, 'g', -1, 64)
	case *ast.SequenceNode:
		list := []any{}
		for _, item := range v.Values {
			list = append(list, r.valueWithin(item, depth-1))
		}
		return list
	case *ast.MappingValueNode:
		if text, ok := plainWithColon(v); ok {
			return text
		}
		return r.mapping(v, depth)
	case *ast.MappingNode:
		if len(v.Values) == 1 && !v.IsFlowStyle {
			return r.valueWithin(v.Values[0], depth)
		}
		return r.mapping(v, depth)
	}
	return nil
}

func (r reader) mapping(n ast.Node, depth int) any {
	entries, _ := r.entries(n)
	m := map[string]any{}
	for _, e := range entries {
		m[e.key] = r.valueWithin(e.value, depth-1)
	}
	return m
}

// plainWithColon is a text such as image:node:22 that the parser takes for a mapping where
// it stands in a list within braces: YAML wants white space behind the colon of a key.
func plainWithColon(pair *ast.MappingValueNode) (string, bool) {
	key, value := pair.Key.GetToken(), pair.Value.GetToken()
	if key == nil || value == nil || key.Position == nil || value.Position == nil || key.Next == nil {
		return "", false
	}
	colon := key.Position.Column + len([]rune(key.Value))
	if key.Position.Line != value.Position.Line || value.Position.Column != colon+1 {
		return "", false
	}
	switch pair.Value.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return key.Value + ":" + value.Value, true
	}
	return "", false
}

func line(n ast.Node) int {
	if pair, ok := n.(*ast.MappingValueNode); ok && pair.Key != nil {
		n = pair.Key
	}
	if n == nil {
		return 1
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return line(m.Values[0])
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

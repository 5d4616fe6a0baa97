package config

import (
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml/ast"
)

// entry is one key of a mapping with its value.
type entry struct {
	key   string // the whole path
	name  string
	value ast.Node
}

// entries lists a mapping, each key once. Of a key that is given twice the
// first value counts, and the second is a problem.
func (r *review) entries(key string, n ast.Node, fold func(string) string) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.refuse(key, "must be a mapping of keys to values, not %s", describe(n))
		return nil, false
	}
	var out []entry
	first := map[string]int{}
	for _, v := range values {
		line := lineOf(v)
		name, ok := keyOf(v)
		if !ok {
			r.list = append(r.list, Problem{Key: key, Line: line, Message: "has a key that is not plain text"})
			continue
		}
		if fold != nil {
			name = fold(name)
		}
		at := joined(key, name)
		if r.replaced(at) {
			continue
		}
		if _, again := first[name]; again {
			r.list = append(r.list, Problem{Key: at, Line: line, Message: fmt.Sprintf("is given a second time; it stands in line %d already", first[name])})
			continue
		}
		first[name], r.lines[at] = line, line
		if v.Value == nil || v.Value.Type() == ast.NullType {
			r.refuse(at, "has no value; give it one or delete the line")
			continue
		}
		out = append(out, entry{at, name, v.Value})
	}
	return out, true
}

func keyOf(v *ast.MappingValueNode) (string, bool) {
	switch k := v.Key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		if t := k.GetToken(); t != nil {
			return t.Value, true
		}
	}
	return "", false
}

// describe names a kind of value for people, without its content.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode:
		return "a number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number with a fraction"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.NullNode, nil:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "a YAML anchor or alias, which this file cannot have"
	case *ast.TagNode:
		return "a YAML tag, which this file cannot have"
	}
	return "something else"
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_:/@+-][A-Za-z0-9._:/@+-]{0,63}$`)

// joined is the path of a name within key. The name may be any text: it is
// shown so that it can neither break a line nor give a token away.
func joined(key, name string) string {
	if !plainKey.MatchString(name) || githubToken.MatchString(name) {
		name = quote(name)
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

func indexed(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

// lineOf is where a node begins. A mapping's own token is its first colon.
func lineOf(n ast.Node) int {
	if pair, ok := n.(*ast.MappingValueNode); ok && pair.Key != nil {
		n = pair.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

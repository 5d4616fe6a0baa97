package config

import (
	"github.com/goccy/go-yaml/ast"
)

// IsFlow reports whether the keys of a configuration are in braces, as in JSON: no line can be
// added at the end of such a file.
func IsFlow(data []byte) bool {
	mapping, ok := new(review).document(data).(*ast.MappingNode)
	return ok && mapping.IsFlowStyle
}

package workflow

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// The YAML parser's time grows with the square of the depth and of the number of
// tokens: 100 kB of "- [" on lines of their own, or 200 kB of "a,", took it more
// than five seconds. Within these limits it needs a fraction of one, and
// workflows for people stay far below them.
const (
	maxFile    = 1 << 20
	maxTokens  = 20_000 // words, texts, punctuation marks and comments
	maxNesting = 64
)

// refusal returns why a file is not parsed and the line, or "".
func refusal(tokens token.Tokens) (reason string, line int) {
	if len(tokens) > maxTokens {
		return fmt.Sprintf("the file has more than %d keys, values and punctuation marks", maxTokens), 1
	}
	if line := tooDeep(tokens); line > 0 {
		return fmt.Sprintf("the file is nested deeper than %d levels", maxNesting), line
	}
	return "", 0
}

// nesting measures how deep a file is nested, without parsing it.
type nesting struct {
	line   int
	blocks []int // columns at which the blocks around this line begin
	inLine int   // "-", "?", ":", anchors and tags on this line, each of which may nest
	flow   int   // open brackets and braces
}

// tooDeep returns the first line that is nested deeper than maxNesting, or 0.
func tooDeep(tokens token.Tokens) int {
	var n nesting
	for _, t := range tokens {
		if t.Position == nil || t.Type == token.CommentType {
			continue
		}
		if n.add(t) > maxNesting {
			return t.Position.Line
		}
	}
	return 0
}

// add returns the depth at a token.
func (n *nesting) add(t *token.Token) int {
	if t.Position.Line != n.line && n.flow == 0 { // in brackets, indentation means nothing
		n.line, n.inLine = t.Position.Line, 0
		for len(n.blocks) > 0 && n.blocks[len(n.blocks)-1] >= t.Position.Column {
			n.blocks = n.blocks[:len(n.blocks)-1]
		}
		n.blocks = append(n.blocks, t.Position.Column)
	}
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.flow++
	case token.SequenceEndType, token.MappingEndType:
		n.flow = max(n.flow-1, 0)
	case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType:
		n.inLine++
	case token.MappingValueType:
		if n.flow == 0 {
			n.inLine++
		}
	case token.CollectEntryType: // a comma ends what stands in the brackets
		n.inLine = 0
	}
	return len(n.blocks) + n.inLine + n.flow
}

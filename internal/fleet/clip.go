package fleet

import (
	"fmt"
	"strings"
)

// Clip is a text for people of at most n characters. One that is cut ends in "…".
func Clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:max(0, n-1)]) + "…"
	}
	return text
}

// ClipBytes cuts text, which is valid UTF-8, to n bytes between characters. The longer text
// may then be freed.
func ClipBytes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.Clone(strings.ToValidUTF8(text[:n], ""))
}

// QuoteShort quotes a stranger's text so that it fits a sentence and cannot
// break a line or a terminal.
func QuoteShort(s string) string { return fmt.Sprintf("%q", short(s)) }

// quoteASCII is QuoteShort with everything escaped that is not ASCII, for characters
// that look like others.
func quoteASCII(s string) string { return fmt.Sprintf("%+q", short(s)) }

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

package fleet

import (
	"fmt"
	"strings"
)

// Clip shortens a text for people to at most n characters. A shortened one ends in "…".
func Clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:max(0, n-1)]) + "…"
	}
	return text
}

// ClipBytes shortens text, which is valid UTF-8, to n bytes without splitting a
// character. The longer text may then be freed.
func ClipBytes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.Clone(strings.ToValidUTF8(text[:n], ""))
}

// QuoteShort quotes a stranger's text so that it fits a sentence and cannot
// break a line or a terminal.
func QuoteShort(s string) string { return fmt.Sprintf("%q", short(s)) }

// quoteASCII is QuoteShort with every character escaped that is not ASCII, because some
// look like others.
func quoteASCII(s string) string { return fmt.Sprintf("%+q", short(s)) }

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

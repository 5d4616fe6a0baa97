package github

import "strings"

// fenced is a text as a block of code in Markdown. No text can end the block: its fence is
// longer than every run of backticks in it, and it is one line. GitHub makes neither links,
// images, mentions nor HTML of code. https://github.github.com/gfm/#fenced-code-blocks
func fenced(text string) string {
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	return fence + "text\n" + oneLine(text) + "\n" + fence
}

// longestRun is how many of a character follow each other at most.
func longestRun(text string, of rune) (longest int) {
	run := 0
	for _, r := range text {
		if run++; r != of {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

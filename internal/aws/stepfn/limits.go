package stepfn

import "unicode/utf8"

// Limits of SendTaskFailure, in characters
// (https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html).
// They are applied to bytes, which are never fewer.
const (
	maxErrorName = 256
	maxCause     = 32768
)

// cut shortens s to at most n bytes, in front of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

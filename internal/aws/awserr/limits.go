package awserr

import "unicode/utf8"

// Limits of SendTaskFailure, in characters
// (https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html).
// They are applied to bytes, which are never fewer.
const (
	MaxName  = 256
	MaxCause = 32768
)

// Name is an error's name within its limit.
func Name(s string) string { return cut(s, MaxName) }

// Cause is an error's cause within its limit.
func Cause(s string) string { return cut(s, MaxCause) }

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

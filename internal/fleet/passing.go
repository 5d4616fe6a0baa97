package fleet

import "strings"

// PassingSigns are what registries, GitHub and the network say of failures that pass by
// themselves, in lower case. The build on AWS has the same list, in runner/build.sh.
func PassingSigns() []string {
	return []string{
		"toomanyrequests", "too many requests", "rate limit", "rate exceeded",
		"internal server error", "bad gateway", "service unavailable", "gateway timeout", "gateway time-out",
		"timeout", "timed out", "deadline exceeded", "connection refused", "connection reset", "no such host", "temporary failure", "unexpected eof",
	}
}

// Passes reports whether a failure passes by itself, by what was said about something. The
// name of that is no sign.
func Passes(said, about string) bool {
	said = strings.ToLower(strings.ReplaceAll(said, about, ""))
	for _, sign := range PassingSigns() {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}

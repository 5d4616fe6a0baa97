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

// Passes reports whether a failure passes by itself, by what was said about something.
// What is in the name of that, which engines repeat in more than one form, is no sign.
func Passes(said, about string) bool {
	said, about = strings.ToLower(said), strings.ToLower(about)
	for _, sign := range PassingSigns() {
		if strings.Contains(said, sign) && !strings.Contains(about, sign) {
			return true
		}
	}
	return false
}

package fleet

import "strings"

// PassingSigns are parts of the texts of registries, GitHub and the network about
// failures that pass by themselves, in lower case. The build on AWS has the same list,
// in runner/build.sh.
func PassingSigns() []string {
	return []string{
		"toomanyrequests", "too many requests", "rate limit", "rate exceeded",
		"internal server error", "bad gateway", "service unavailable", "gateway timeout", "gateway time-out",
		"timeout", "timed out", "deadline exceeded", "connection refused", "connection reset", "no such host", "temporary failure", "unexpected eof",
	}
}

// Passes reports whether a failure passes by itself. said is its text, and about names
// the thing that it is about: a sign inside that name, which engines repeat in more than
// one form, does not count.
func Passes(said, about string) bool {
	said, about = strings.ToLower(said), strings.ToLower(about)
	for _, sign := range PassingSigns() {
		if strings.Contains(said, sign) && !strings.Contains(about, sign) {
			return true
		}
	}
	return false
}

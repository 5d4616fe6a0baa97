package fleet_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestCommitSHA(t *testing.T) {
	sha1, sha256 := strings.Repeat("0a", 20), strings.Repeat("f9", 32)
	for text, want := range map[string]string{
		sha1: sha1, sha256: sha256,
		"":                       "",
		sha1[1:]:                 "",
		sha1 + "0":               "",
		strings.ToUpper(sha1):    "",
		sha1 + "\n":              "",
		"main":                   "",
		"../../../" + sha1[:31]:  "",
		strings.Repeat("0g", 20): "",
	} {
		if got := fleet.CommitSHA(text); got != want {
			t.Errorf("of %q it is %q, want %q", text, got, want)
		}
	}
}

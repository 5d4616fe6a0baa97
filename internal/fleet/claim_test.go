package fleet_test

import (
	"regexp"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var oldKey, newKey = []byte("the key of last year"), []byte("the key of this year")

// openssl makes the value:
// printf %s fleet-77-1 | openssl dgst -sha256 -hmac "$key" -binary | basenc --base64url
func TestClaimTokenIsAlwaysTheSame(t *testing.T) {
	equal(t, fleet.ClaimToken(newKey, "fleet-77-1"), "Pgyuqrt3Q4YAzjfTeM5wyVmeGNoJ-T7nm31LKLG4Ttg")
}

func TestClaimTokensDiffer(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for _, key := range [][]byte{oldKey, newKey} {
		for _, id := range []string{"fleet-77-1", "fleet-77-2", "fleet-77-11", ""} {
			token := fleet.ClaimToken(key, id)
			if seen[token] || !form.MatchString(token) {
				t.Errorf("%q for %q", token, id)
			}
			seen[token] = true
		}
	}
}

func TestCheckClaimToken(t *testing.T) {
	const id = "fleet-77-1"
	both := [][]byte{oldKey, newKey}
	for name, tc := range map[string]struct {
		keys  [][]byte
		token string
		want  bool
	}{
		"of the only key":         {[][]byte{newKey}, fleet.ClaimToken(newKey, id), true},
		"of the old key":          {both, fleet.ClaimToken(oldKey, id), true},
		"of the new key":          {both, fleet.ClaimToken(newKey, id), true},
		"of a key that is gone":   {[][]byte{newKey}, fleet.ClaimToken(oldKey, id), false},
		"of another runner":       {both, fleet.ClaimToken(newKey, "fleet-77-2"), false},
		"cut":                     {both, fleet.ClaimToken(newKey, id)[:42], false},
		"with something after it": {both, fleet.ClaimToken(newKey, id) + "=", false},
		"empty":                   {both, "", false},
		"without any key":         {nil, fleet.ClaimToken(nil, id), false},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.CheckClaimToken(tc.keys, id, tc.token), tc.want) })
	}
}

// printf %s nonce | sha256sum
func TestNonceHash(t *testing.T) {
	equal(t, fleet.NonceHash("nonce"), "78377b525757b494427f89014f97d79928f3938d14eb51e20fb5dec9834eb304")
	if fleet.NonceHash("a") == fleet.NonceHash("b") {
		t.Error("two nonces share a hash")
	}
}

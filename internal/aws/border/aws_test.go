package border

import "testing"

func TestTheSDKTriesTwiceMore(t *testing.T) {
	if n := awsConfig(func(string) string { return "" }).Retryer().MaxAttempts(); n != 3 {
		t.Errorf("%d attempts: the state machine tries again too", n)
	}
}

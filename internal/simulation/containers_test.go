package simulation

import "testing"

func TestActionOfAWebhook(t *testing.T) {
	for payload, want := range map[string]string{
		`{"action":"queued","workflow_job":{}}`: "queued",
		`{"workflow_job":{},"action":"queued"}`: "",
		`{"zen":"x","hook_id":1}`:               "",
		`{"action":1}`:                          "",
		`{`:                                     "",
	} {
		got, err := action([]byte(payload))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", payload, got, err)
		}
	}
}

package webhook

import (
	"encoding/json"
	"strings"
	"testing"
)

// The example of GitHub's page "Validating webhook deliveries".
func TestGitHubsOwnExample(t *testing.T) {
	mac, ok := parseSignature("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	if !ok || !verify([]string{secret}, []byte("Hello, World!"), mac) {
		t.Error("GitHub's example does not verify")
	}
}

func TestSignatures(t *testing.T) {
	body := queued(t)
	good := sign(secret, body)
	tests := map[string]struct {
		keys      []string
		signature string
		status    int
		reads     int // of the secrets
	}{
		"the right one":                       {[]string{secret}, good, 202, 1},
		"in upper case":                       {[]string{secret}, "sha256=" + strings.ToUpper(good[7:]), 202, 1},
		"by the new secret of two":            {[]string{secret, previous}, good, 202, 1},
		"by the previous secret of two":       {[]string{secret, previous}, sign(previous, body), 202, 1},
		"by a secret that is gone":            {[]string{secret}, sign(previous, body), 401, 1},
		"of another body":                     {[]string{secret}, sign(secret, body[1:]), 401, 1},
		"missing":                             {[]string{secret}, "", 401, 0},
		"without its prefix":                  {[]string{secret}, good[7:], 401, 0},
		"of another kind":                     {[]string{secret}, "sha1=" + good[7:], 401, 0},
		"a digit short":                       {[]string{secret}, good[:len(good)-1], 401, 0},
		"a byte short":                        {[]string{secret}, good[:len(good)-2], 401, 0},
		"not hexadecimal":                     {[]string{secret}, good[:len(good)-1] + "g", 401, 0},
		"given twice":                         {[]string{secret}, good + "," + good, 401, 0},
		"by an empty secret":                  {[]string{""}, sign("", body), 401, 1},
		"by an empty previous secret":         {[]string{secret, ""}, sign("", body), 401, 1},
		"by the right secret beside an empty": {[]string{"", secret}, good, 202, 1},
		"without any secret":                  {nil, sign("", body), 401, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			b.keys.keys = test.keys
			r := sent("workflow_job", body)
			r.Header["x-hub-signature-256"] = test.signature
			resp := b.send(r)
			if resp.Status != test.status || b.keys.read != test.reads {
				t.Errorf("got %d after %d reads, want %d after %d", resp.Status, b.keys.read, test.status, test.reads)
			}
			reply, err := json.Marshal(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Status == 401 && (string(reply) != `{"status":"unauthorized"}` || len(b.bus.events) != 0) {
				t.Errorf("the answer to a wrong signature is %s", reply)
			}
			for _, hidden := range []string{secret, previous, good[7:20]} {
				if strings.Contains(string(reply)+b.log.String(), hidden) {
					t.Errorf("%q shows in %s or %s", hidden, reply, b.log)
				}
			}
			if resp.Status == 401 && strings.Contains(b.log.String(), "octo-org") {
				t.Errorf("the log shows an unsigned body: %s", b.log)
			}
		})
	}
}

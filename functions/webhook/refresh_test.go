package webhook

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// stale is a keyring that keeps what it read until Refresh makes it look again.
type stale struct {
	*keyring
	now     []string // what it would find
	err     error
	refused bool // it looked just before
	looks   int
}

func (s *stale) Refresh(context.Context) (changed bool, err error) {
	s.looks++
	if s.err != nil || s.refused {
		return false, s.err
	}
	changed = strings.Join(s.now, ",") != strings.Join(s.keys, ",")
	s.keys = s.now
	return changed, nil
}

func TestASecretThatWasReplaced(t *testing.T) {
	const next = "the next secret"
	body := queued(t)
	tests := map[string]struct {
		now       []string
		signature string
		err       error
		refused   bool
		status    int
		looks     int
		reads     int
		logs      string
	}{
		"by the secret that is known":           {[]string{next, secret}, sign(secret, body), nil, false, 202, 0, 1, ""},
		"by the one that replaced it":           {[]string{next, secret}, sign(next, body), nil, false, 202, 1, 2, ""},
		"by none":                               {[]string{next, secret}, sign("wrong", body), nil, false, 401, 1, 2, "matches no secret"},
		"by none, and none was replaced":        {[]string{secret}, sign("wrong", body), nil, false, 401, 1, 1, "matches no secret"},
		"by the new one, just after a look":     {[]string{next, secret}, sign(next, body), nil, true, 401, 1, 1, "matches no secret"},
		"by the new one, and no look succeeds":  {[]string{next, secret}, sign(next, body), errors.New("vault is down"), false, 401, 1, 1, "vault is down"},
		"by an empty one":                       {[]string{""}, sign("", body), nil, false, 401, 1, 2, "matches no secret"},
		"by something that cannot be signature": {[]string{next}, "sha256=none", nil, false, 401, 0, 0, "malformed"},
		"not at all":                            {[]string{next}, "", nil, false, 401, 0, 0, "missing"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			b := newBench()
			source := &stale{keyring: b.keys, now: test.now, err: test.err, refused: test.refused}
			b.Secrets = source
			r := sent("workflow_job", body)
			r.Header["x-hub-signature-256"] = test.signature
			resp := b.send(r)
			if resp.Status != test.status || source.looks != test.looks || b.keys.read != test.reads {
				t.Errorf("got %d after %d looks and %d reads, want %d after %d and %d", resp.Status, source.looks, b.keys.read, test.status, test.looks, test.reads)
			}
			logged := b.log.String()
			if !strings.Contains(logged, test.logs) || strings.Contains(logged, "cause") != (test.logs != "") || strings.Contains(logged, next) {
				t.Errorf("logged %s", logged)
			}
		})
	}
}

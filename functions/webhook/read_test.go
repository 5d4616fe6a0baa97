package webhook

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sameAsDecode holds the fast reader to decode: the same payload, or the same error.
func sameAsDecode(t *testing.T, name string, doc []byte) {
	t.Helper()
	var want payload
	wantErr := decode(doc, &want)
	got, gotErr := read(doc)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Errorf("%s: %v, and decode says %v", name, gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got); gotErr == nil && diff != "" {
		t.Errorf("%s (-decode +read):\n%s", name, diff)
	}
	if fast, taken := fastRead(doc); taken {
		if diff := cmp.Diff(want, fast); wantErr != nil || diff != "" {
			t.Errorf("%s is taken without decode, which says %v (-decode +read):\n%s", name, wantErr, diff)
		}
	}
}

func TestWhatGitHubSendsNeedsNoSecondReading(t *testing.T) {
	for _, name := range fixtures(t) {
		if event, _, _ := strings.Cut(name, "/"); event != "workflow_job" {
			continue
		}
		if _, taken := fastRead(fixture(t, name)); !taken {
			t.Errorf("%s is read twice", name)
		}
	}
}

func TestReadIsDecodeForOddDocuments(t *testing.T) {
	for _, doc := range []string{
		``, ` `, `null`, `[]`, `7`, `"workflow_job"`, `{`, `{}`, `{"action"`, `{"action":`, `{"action":"queued"`, `{"action":"queued",}`,
		`{"action":"queued"} `, `{"action":"queued"}{}`, `{"action":"queued"}x`, `{"action":7}`, `{"action":{"id":1}}`, `{"action":"a"b"}`,
		`{"\u0061ction":"queued"}`, `{"a\u0063tion":"queued","other":{"\u0061":[1,2,{}]}}`, `{"Action":"queued"}`,
		`{"action":"a","action":null}`, `{"workflow_job":null}`, `{"workflow_job":[]}`, `{"workflow_job":"x"}`, `{"workflow_job":{`,
		`{"workflow_job":{"id":1},"workflow_job":{"run_id":2}}`, `{"workflow_job":{"id":1},"workflow_job":null}`,
		`{"workflow_job":{"id":1.0}}`, `{"workflow_job":{"id":1e3}}`, `{"workflow_job":{"id":-0}}`, `{"workflow_job":{"id":9223372036854775808}}`, `{"workflow_job":{"id":01}}`, `{"workflow_job":{"id":"1"}}`,
		`{"workflow_job":{"id":1,"id":null}}`, `{"workflow_job":{"run_attempt":null}}`, `{"workflow_job":{"run_attempt":4294967296}}`,
		`{"workflow_job":{"labels":[]}}`, `{"workflow_job":{"labels":null}}`, `{"workflow_job":{"labels":[null,"a",""]}}`, `{"workflow_job":{"labels":["a",7]}}`, `{"workflow_job":{"labels":{"a":1}}}`,
		`{"workflow_job":{"labels":["a","b"],"labels":["c"]}}`, `{"workflow_job":{"labels":["a",]}}`, `{"workflow_job":{"labels":["a"`,
		`{"repository":{"private":true}}`, `{"repository":{"private":null}}`, `{"repository":{"private":1}}`, `{"repository":{"private":tru}}`,
		`{"installation":{"id":1,"node_id":"x"}}`, `{"installation":{}}`, "{\"action\":\"a\xffb\"}", `{"action":"\ud800"}`, `{"action":"\x"}`, "{\"action\":\"a\nb\"}",
		`{"other":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	} {
		sameAsDecode(t, doc[:min(len(doc), 100)], []byte(doc))
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range fixtures(f) {
		f.Add(fixture(f, name))
	}
	f.Add([]byte(`{"action":"a","workflow_job":{"id":1,"labels":["x",null]},"repository":{"private":true},"installation":{"id":2}}`))
	f.Fuzz(func(t *testing.T, doc []byte) { sameAsDecode(t, "document", doc) })
}

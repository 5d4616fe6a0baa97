package webhook

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDecode holds one pass to the standard library's two: every recorded payload, with each
// of the fields that are read absent, null and of three other types.
func TestDecode(t *testing.T) {
	others := map[string]any{"absent": nil, "null": nil, "text": "7", "a number": 7.0, "an object": map[string]any{"id": 7.0}}
	compared := 0
	for _, name := range fixtures(t) {
		whole := fixture(t, name)
		compare(t, name, whole)
		for _, part := range []string{"", "workflow_job", "repository", "installation"} {
			for _, field := range fieldsOf(t, whole, part) {
				for kind, value := range others {
					compared++
					compare(t, fmt.Sprintf("%s with %s.%s %s", name, part, field, kind), changed(t, whole, part, field, value, kind == "absent"))
				}
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d documents were compared", compared)
	}
}

func compare(t *testing.T, name string, doc []byte) {
	t.Helper()
	var got, want payload
	gotErr, wantErr := decode(doc, &got), json.Unmarshal(doc, &want)
	if (gotErr == nil) != (wantErr == nil) {
		t.Errorf("%s: %v, and encoding/json says %v", name, gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got); gotErr == nil && diff != "" {
		t.Errorf("%s (-encoding/json +ours):\n%s", name, diff)
	}
	sameAsDecode(t, name, doc)
}

func TestDecodeTakesWhatGitHubMightSend(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"a name that comes twice":   {`{"action":"queued","action":"waiting"}`, "waiting"},
		"bytes that are no UTF-8":   {"{\"action\":\"a\xffb\"}", "a\ufffdb"},
		"half of a surrogate pair":  {`{"action":"a\ud800b"}`, "a\ufffdb"},
		"white space before it all": {" \r\n\t{\"action\":\"queued\"}\n", "queued"},
	} {
		t.Run(name, func(t *testing.T) {
			var p payload
			if err := decode([]byte(c.doc), &p); err != nil || p.Action != c.want {
				t.Errorf("action %q, error %v; want %q", p.Action, err, c.want)
			}
			compare(t, name, []byte(c.doc))
		})
	}
}

// fieldsOf are the names in a part of a document, "" for the document itself.
func fieldsOf(t *testing.T, doc []byte, part string) (names []string) {
	in, _ := parts(t, doc, part)
	for name := range in {
		names = append(names, name)
	}
	return names
}

func changed(t *testing.T, doc []byte, part, field string, value any, absent bool) []byte {
	in, whole := parts(t, doc, part)
	in[field] = value
	if absent {
		delete(in, field)
	}
	out, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parts(t *testing.T, doc []byte, part string) (in, whole map[string]any) {
	t.Helper()
	if err := json.Unmarshal(doc, &whole); err != nil {
		t.Fatal(err)
	}
	if part == "" {
		return whole, whole
	}
	in, _ = whole[part].(map[string]any) // absent in most, as installation is
	return in, whole
}

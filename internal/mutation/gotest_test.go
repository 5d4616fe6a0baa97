package mutation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestReadTests(t *testing.T) {
	for name, c := range map[string]struct {
		printed []string
		parts   bool
		want    outcome
		ran     bool
	}{
		"a test passes": {
			printed: []string{`{"Action":"run","Test":"TestA"}`, `{"Action":"pass","Test":"TestA"}`, `{"Action":"pass"}`},
			ran:     true,
		},
		"there is none": {printed: []string{`{"Action":"output","Output":"testing: warning: no tests to run\n"}`, `{"Action":"pass"}`}},
		"the part that was asked for": {
			printed: []string{`{"Action":"run","Test":"TestA"}`, `{"Action":"run","Test":"TestA/part"}`, `{"Action":"pass","Test":"TestA/part"}`}, parts: true,
			ran: true,
		},
		"there is no such part": {printed: []string{`{"Action":"run","Test":"TestA"}`, `{"Action":"pass","Test":"TestA"}`}, parts: true},
		"the first that fails counts": {
			printed: []string{
				`{"Action":"run","Test":"TestA"}`, `{"Action":"output","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"output","Test":"TestA","Output":"    a_test.go:7: no\n"}`, `{"Action":"output","Test":"TestA","Output":"    a_test.go:8: nor this\n"}`,
				`{"Action":"fail","Test":"TestA"}`, `{"Action":"output","Test":"TestB","Output":"    b_test.go:9: no\n"}`, `{"Action":"fail","Test":"TestB"}`, `{"Action":"fail"}`,
			},
			want: outcome{failed: "TestA: a_test.go:7: no"}, ran: true,
		},
		"a part of a test panics": {
			printed: []string{
				`{"Action":"run","Test":"TestA/part"}`, `{"Action":"output","Test":"TestA/part","Output":"--- FAIL: TestA/part (0.00s)\n"}`, `{"Action":"fail","Test":"TestA/part"}`,
				`{"Action":"output","Test":"TestA","Output":"panic: no [recovered, repanicked]\n"}`, `{"Action":"fail","Test":"TestA"}`,
			},
			want: outcome{failed: "TestA/part: panic: no [recovered, repanicked]"}, ran: true,
		},
		"a test says nothing": {
			printed: []string{`{"Action":"run","Test":"TestA"}`, `{"Action":"fail","Test":"TestA"}`},
			want:    outcome{failed: "TestA: it said nothing"}, ran: true,
		},
		"tests take too long": { // go test then reports none of them as failed
			printed: []string{`{"Action":"run","Test":"TestA"}`, `{"Action":"output","Test":"TestA","Output":"panic: test timed out after 2m0s\n"}`, `{"Action":"fail"}`},
			want:    outcome{failed: "panic: test timed out after 2m0s"}, ran: true,
		},
		"it does not compile": {
			printed: []string{`{"Action":"build-output","Output":"# toy/room\n"}`, `{"Action":"build-output","Output":"room/room.go:7: undefined: x\n"}`, `{"Action":"build-fail"}`, `{"Action":"fail"}`},
			want:    outcome{unusable: "it does not compile: room/room.go:7: undefined: x"},
		},
		"a long line": {
			printed: []string{`{"Action":"output","Test":"TestA","Output":"    a_test.go:7: ` + strings.Repeat("é", 200) + `\n"}`, `{"Action":"fail","Test":"TestA"}`},
			want:    outcome{failed: "TestA: a_test.go:7: " + strings.Repeat("é", mostShown-len("a_test.go:7: ")-1) + "…"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ran, err := readTests([]byte(strings.Join(c.printed, "\n")), c.parts)
			if err != nil || got != c.want || ran != c.ran {
				t.Errorf("%+v, ran: %t, %v; want %+v", got, ran, err, c.want)
			}
		})
	}
}

// What does not end says nothing: the machine may be slow.
func TestTheLimitOfARun(t *testing.T) {
	_, _, err := runs{dir: ".", limit: time.Nanosecond}.run(t.Context(), "go", "version")
	if err == nil || err.Error() != "go version: it did not end within 1ns" {
		t.Errorf("%v", err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	if _, _, err := (runs{dir: ".", limit: time.Minute}).run(over, "go", "version"); !errors.Is(err, context.Canceled) {
		t.Errorf("when the caller has given up: %v", err)
	}
}

func TestPattern(t *testing.T) {
	for want, names := range map[string][]string{
		"^(TestA|TestB)$":              {"TestA", "TestB"},
		`^TestA$/^(a_part|another\.)$`: {"TestA/a_part", "TestA/another."},
	} {
		if got := (Tests{Names: names}).pattern(); got != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
}

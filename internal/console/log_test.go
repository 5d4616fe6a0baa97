package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// hurried notes how long an answer may take.
type hurried struct {
	*httptest.ResponseRecorder
	until []time.Time
}

func (h *hurried) SetWriteDeadline(at time.Time) error {
	h.until = append(h.until, at)
	return nil
}

// TestAReaderThatIsGoneEndsAnAnswer: a log may take as long as it is read.
func TestAReaderThatIsGoneEndsAnAnswer(t *testing.T) {
	for at, want := range map[string]int{"/": 1, "/assets/console.css": 1, "/runs/job-1": 1, "/runners/fleet-20000000900-1/log": 1 + 4} {
		w, begun := &hurried{ResponseRecorder: httptest.NewRecorder()}, time.Now()
		newBusy(t, nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil))
		if len(w.until) != want || w.until[0].Before(begun.Add(longestAnswer)) {
			t.Errorf("%s may take until %v, want %d limits", at, w.until, want)
		}
	}
}

func TestLinesOfALog(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"plain":                       {"make: done", "make: done"},
		"colours of a terminal":       {"\x1b[1;32mok\x1b[0m done", "ok done"},
		"a title and a moving cursor": {"\x1b]0;owned\x07a\x1b[2Kb\x1b[1A", "ab"},
		"an unended title":            {"\x1b]8;;https://evil.example\x1b\\link", "link"},
		"a line that is written over": {"10 %\r100 %", "10 % 100 %"},
		"no UTF-8":                    {"a\xff\xfeb", "a\ufffdb"},
		"a reversed line":             {"safe\u202egnp.exe", "safe gnp.exe"},
		"tabs keep columns":           {"a\tb", "a    b"},
		"markup is text":              {"<script>alert(1)</script>", "<script>alert(1)</script>"},
		"a megabyte":                  {strings.Repeat("x", 1<<20), strings.Repeat("x", longestLine-1) + "… (the line has 1048576 bytes)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := cleanLine(c.line); got != c.want {
				t.Errorf("got  %.100q\nwant %.100q", got, c.want)
			}
		})
	}
}

func TestTail(t *testing.T) {
	for name, c := range map[string]struct {
		n, cut int
		want   []string
	}{
		"fewer lines": {2, 0, []string{"a", "b"}},
		"as many":     {3, 0, []string{"a", "b", "c"}},
		"more":        {5, 2, []string{"c", "d", "e"}},
	} {
		t.Run(name, func(t *testing.T) {
			kept := tail{most: 3}
			for i := range c.n {
				if err := kept.add(string(rune('a' + i))); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, kept.lines()); diff != "" || kept.cut() != c.cut {
				t.Errorf("%d are cut, -want +got:\n%s", kept.cut(), diff)
			}
		})
	}
}

func TestTheLogOfAnotherIsNotShown(t *testing.T) {
	asked := []string{}
	c := newBusy(t, func(o *Options) {
		o.OpenLog = func(_ context.Context, id string) (Log, error) {
			asked = append(asked, id)
			return lines{"one"}, nil
		}
	})
	if status, body := get(t, c, "/runners/fleet-20000000900-1/log"); status != http.StatusOK || body != "one\n" {
		t.Errorf("%d: %s", status, body)
	}
	if status, _ := get(t, c, "/runners/..%2f..%2fetc%2fpasswd/log"); status == http.StatusOK {
		t.Logf("the id is checked by who opens the log: %q", asked)
	}
}

// FuzzLine: whatever a job writes, its line is short text that prints.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\xff\xfe", "\u202e", "\x1b[", "a\x00b", "\r\n\t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := cleanLine(line)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > longestLine+60 {
			t.Errorf("%q becomes %d characters", line, utf8.RuneCountInString(got))
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q becomes %q", line, got)
			}
		}
	})
}

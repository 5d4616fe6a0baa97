package entrypoint

import (
	"bytes"
	"strings"
	"testing"
)

// logged is the log of what is written, in parts of that many bytes; 0 is all at once.
func logged(t *testing.T, limit int64, part int, text string) string {
	t.Helper()
	var log bytes.Buffer
	o := newOutput(&log, limit)
	if part == 0 {
		part = max(len(text), 1)
	}
	for ; len(text) > part; text = text[part:] {
		_, _ = o.Write([]byte(text[:part]))
	}
	_, _ = o.Write([]byte(text))
	o.End()
	return log.String()
}

func TestOutput(t *testing.T) {
	const emf = `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"EcsRunnerFleet","Dimensions":[[]],"Metrics":[{"Name":"webhook_accepted"}]}]},"webhook_accepted":1}`
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                            {"", ""},
		"a line":                             {"√ Connected to GitHub\n", "| √ Connected to GitHub\n"},
		"an empty line":                      {"\n", "| \n"},
		"a line without an end":              {"a\nb", "| a\n| b\n"},
		"lines of Windows":                   {"a\r\n\r\nb\r\n", "| a\n| \n| b\n"},
		"a line that is written over":        {"10 %\r20 %\rdone\n", "| 10 %\n| 20 %\n| done\n"},
		"metrics":                            {emf + "\n", "| " + emf + "\n"},
		"metrics after a carriage return":    {"\r" + emf, "| \n| " + emf + "\n"},
		"metrics after other line ends":      {"a\v\f\u0085\u2028{}\n", `| a\x0b\x0c\x85\u2028{}` + "\n"},
		"a line of the entrypoint's":         {"ecsrunner: claimed as x\n", "| ecsrunner: claimed as x\n"},
		"a terminal's colours":               {"\x1b[31mred\x1b[0m\ttab\n", `| \x1b[31mred\x1b[0m` + "\ttab\n"},
		"the eight-bit escape":               {"\u009b2J\n", `| \x9b2J` + "\n"},
		"what turns a line around":           {"a\u202eb\u2066c\n", `| a\u202eb\u2066c` + "\n"},
		"zero, delete, no UTF-8":             {"\x00\x7f\xff\xc3(\n", `| \x00\x7f\xff\xc3(` + "\n"},
		"a character that lacks its end":     {"a\xe2\x82", `| a\xe2\x82` + "\n"},
		"the replacement character itself":   {"\ufffd\n", "| \ufffd\n"},
		"other alphabets, and further blank": {"日本\u00a0é 🚀\n", "| 日本\u00a0é 🚀\n"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, part := range []int{0, 1, 3} {
				if got := logged(t, 1<<20, part, test.text); got != test.want {
					t.Errorf("in parts of %d bytes: %q, want %q", part, got, test.want)
				}
			}
		})
	}
}

// The pieces of a line that is too long are never a line of the job's own making.
func TestOutputCutsLongLines(t *testing.T) {
	for name, char := range map[string]string{"letters": "a", "characters of several bytes": "€", "escapes": "\x1b", "JSON": `{"a":1}`} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(char, (2<<20)/len(char))
			lines := strings.SplitAfter(logged(t, 1<<30, 0, text+"\nnext\n"), "\n")
			lines = lines[:len(lines)-1]
			whole := ""
			for i, line := range lines[:len(lines)-1] {
				prefix := "+ "
				if i == 0 {
					prefix = "| "
				}
				rest, ok := strings.CutPrefix(line, prefix)
				if !ok || len(line) > 8<<10 || i < len(lines)-2 && len(line) < 8<<10-10 {
					t.Fatalf("piece %d of %d has %d bytes and begins %.20q", i, len(lines), len(line), line)
				}
				whole += strings.TrimSuffix(rest, "\n")
			}
			if want := strings.ReplaceAll(text, "\x1b", `\x1b`); whole != want {
				t.Errorf("the pieces have %d bytes together, want %d", len(whole), len(want))
			}
			if last := lines[len(lines)-1]; last != "| next\n" {
				t.Errorf("the next line is %q", last)
			}
		})
	}
}

func TestOutputDoesNotCutWhatFits(t *testing.T) {
	fits := strings.Repeat("a", 8<<10-len("| \n"))
	if got := logged(t, 1<<20, 0, fits+"\n"); got != "| "+fits+"\n" {
		t.Errorf("a line of %d bytes became %q", len(fits), got)
	}
}

// A limit counts what a line costs beside its text, so empty lines end too.
func TestOutputIsBounded(t *testing.T) {
	const limit = 1 << 20
	for name, text := range map[string]string{
		"yes":           strings.Repeat("y\n", 4<<20),
		"empty lines":   strings.Repeat("\n", 4<<20),
		"one long line": strings.Repeat("y", 4<<20),
	} {
		t.Run(name, func(t *testing.T) {
			log := logged(t, limit, 32<<10, text)
			const sentence = "ecsrunner: the log has reached its limit of 1 MiB (runner_log_mib): no more of the runner's output is written here; the job goes on\n"
			body, ok := strings.CutSuffix(log, sentence)
			if !ok || strings.Contains(body, "ecsrunner:") {
				t.Errorf("the log ends %q", log[max(0, len(log)-200):])
			}
			if cost := len(body) + 26*strings.Count(body, "\n"); cost > limit || cost < limit-16<<10 {
				t.Errorf("it costs %d bytes, want some less than %d", cost, limit)
			}
		})
	}
}

// A log that accepts nothing more does not end the job.
func TestOutputGoesOnWithoutALog(t *testing.T) {
	o := newOutput(brokenWriter{}, 1<<20)
	if n, err := o.Write([]byte("a\nb\n")); n != 4 || err != nil {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }

func FuzzOutput(f *testing.F) {
	f.Add("a\r\n{\"_aws\":{}}\x1b[2J\u202e", 3)
	f.Fuzz(func(t *testing.T, text string, part int) {
		log := logged(t, 1<<20, max(0, part), text)
		if log != logged(t, 1<<20, 0, text) {
			t.Error("parts make a difference")
		}
		for line := range strings.Lines(log) {
			if !strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "+ ") || len(line) > maxPiece || !strings.HasSuffix(line, "\n") {
				t.Errorf("the line %q", line)
			}
			if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 }); i >= 0 {
				t.Errorf("a control character in %q", line)
			}
		}
	})
}

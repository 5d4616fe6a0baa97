package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestComplaintsControlNoTerminal gives arguments with escape codes to every kind of command.
func TestComplaintsControlNoTerminal(t *testing.T) {
	nowhere(t)
	const bad = "a\x1b[31m\x07\xff\u202eb é日本"
	for _, args := range [][]string{
		{bad}, {"runs", "show", bad, "--data-dir", bad}, {"runs", "list", "--status", bad}, {"runs", "list", "--limit", bad}, {"config", "check", bad},
		{"why", bad, "--data-dir", bad}, {"runners", "list", "--since", bad}, {"version", bad}, {"help", bad}, {"--" + bad}, {"cost", "--by", bad},
	} {
		var out, talk bytes.Buffer
		if code := run(args, &out, &talk); code == exitOK || strings.ContainsAny(talk.String(), "\x1b\x07\u202e") || !utf8.ValidString(talk.String()) || !strings.HasPrefix(talk.String(), "ecsrunner: ") {
			t.Errorf("%q: %d, %q", args, code, talk.String())
		}
	}
	var talk bytes.Buffer
	complain(&talk, errors.New("read "+bad+"\tfile: no"))
	if got, want := talk.String(), "ecsrunner: read a\\x1b[31m\\a\\xff\\u202eb é日本\tfile: no\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

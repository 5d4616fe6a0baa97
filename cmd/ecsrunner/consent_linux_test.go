package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is typed at it, and the side that a program has.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestATerminalIsAsked(t *testing.T) {
	for answer, goes := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yesterday\n": false} {
		person, program := terminal(t)
		cmd := &cobra.Command{Use: "drain"}
		cmd.SetContext(t.Context())
		cmd.SetIn(program)
		cmd.SetErr(program)
		t.Setenv("TERM", "xterm")
		var c consent
		if err := c.possible(cmd); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(person, answer); err != nil {
			t.Fatal(err)
		}
		err := c.given(cmd, "Drain fleet \"ci\" (stack ecsrunner-ci).\x1b[2J", "3 runners are ended.")
		if (err == nil) != goes {
			t.Errorf("%q: %v", answer, err)
		}
		said := make([]byte, 4096)
		n, _ := person.Read(said)
		for n < 2 || !bytes.Contains(said[:n], []byte("[y/N]")) {
			more, err := person.Read(said[n:])
			if err != nil {
				t.Fatalf("%q: %v", said[:n], err)
			}
			n += more
		}
		if text := string(said[:n]); !strings.Contains(text, `fleet "ci" (stack ecsrunner-ci)`) || strings.Contains(text, "\x1b[2J") {
			t.Errorf("it said %q", text)
		}
	}
}

// Ctrl-C is answered while a question waits for its answer.
func TestAQuestionEndsWithCtrlC(t *testing.T) {
	_, program := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ask(ctx, program, io.Discard, nil); err == nil || err.Error() != "stopped: nothing was done" {
		t.Error(err)
	}
}

// Ctrl-D is no answer. The line of the question is ended, so that the shell's is not behind it.
func TestAQuestionEndsWithCtrlD(t *testing.T) {
	person, program := terminal(t)
	if _, err := io.WriteString(person, "\x04"); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := ask(t.Context(), program, &said, []string{"3 runners are ended."}); err == nil || err.Error() != "nothing was done" || said.String() != "3 runners are ended.\nGo on? [y/N] \n" {
		t.Errorf("%v after %q", err, said.String())
	}
}

func TestAPipeIsNotAsked(t *testing.T) {
	for name, c := range map[string]struct {
		consent consent
		wants   string
	}{
		"nothing is said": {consent{}, "asks before it does anything"},
		"--yes":           {consent{yes: true}, ""},
		"--dry-run":       {consent{dryRun: true}, ""},
		"both":            {consent{true, true}, "contradict each other"},
	} {
		cmd := &cobra.Command{Use: "drain"}
		cmd.SetIn(strings.NewReader("y\n"))
		err := c.consent.possible(cmd)
		if (err == nil) != (c.wants == "") || err != nil && !strings.Contains(err.Error(), c.wants) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

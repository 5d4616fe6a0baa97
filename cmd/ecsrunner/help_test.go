package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// The help is the manual too: every command says what it is, and what can be run shows how.
func TestEveryCommandHasItsHelp(t *testing.T) {
	seen := 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		if cmd.Hidden {
			return
		}
		path := cmd.CommandPath()
		seen++
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || utf8.RuneCountInString(cmd.Short) > 100 {
			t.Errorf("%s: its short help is %q: one line without a full stop", path, cmd.Short)
		}
		ofCobra := strings.HasPrefix(path, "ecsrunner completion") || cmd.Name() == "help"
		if cmd.Runnable() && !cmd.HasSubCommands() && !ofCobra {
			if cmd.Long == "" && cmd.Name() != "version" {
				t.Errorf("%s has no long help", path)
			}
			if !strings.Contains(cmd.Example, path) {
				t.Errorf("%s has no example of itself: %q", path, cmd.Example)
			}
		}
		for line := range strings.Lines(cmd.Long) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 && !ofCobra {
				t.Errorf("%s: a line of its help has %d characters: %s", path, n, line)
			}
		}
		for _, below := range cmd.Commands() {
			look(below)
		}
	}
	look(newRoot())
	if seen < 30 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A command in the docs: behind a path or `go run`, up to the end of the line or
// of the inline code.
var documented = regexp.MustCompile("(?m)(?:\\./cmd/|build/|`)ecsrunner ((?:[a-z-]+ ?|--[a-z-]+(?:[= ][^ `\n]+)? ?|<[a-z_]+> ?|[^ `\n]+ ?)+)")

// TestCommandsInTheDocsExist: a reader who copies a command from the docs must not be
// told that there is no such command or flag.
func TestCommandsInTheDocsExist(t *testing.T) {
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range append(docs, "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range documented.FindAllStringSubmatch(string(text), -1) {
			line, _, _ := strings.Cut(m[1], "#")
			words := strings.Fields(line)
			if len(words) == 0 || strings.HasPrefix(words[0], "./") {
				continue
			}
			found++
			checkCommand(t, filepath.Base(path), words)
		}
	}
	if found < 8 {
		t.Errorf("only %d commands were found in the docs: this test looks in the wrong way", found)
	}
}

func checkCommand(t *testing.T, where string, words []string) {
	t.Helper()
	cmd, rest, err := newRoot().Find(words)
	if err != nil || cmd.Name() == "ecsrunner" && words[0] != "--help" {
		t.Errorf("%s: there is no command `ecsrunner %s` (%v)", where, strings.Join(words, " "), err)
		return
	}
	for _, word := range rest {
		name, ok := strings.CutPrefix(word, "--")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "=")
		if !hasFlag(cmd, name) {
			t.Errorf("%s: `%s` has no flag --%s", where, cmd.CommandPath(), name)
		}
	}
}

func hasFlag(cmd *cobra.Command, name string) bool {
	cmd.InitDefaultHelpFlag()
	return cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/docstest"
)

// repositoryRoot is seen from this folder.
const repositoryRoot = "../.."

// TestCommandsInTheDocsExist: a reader who copies a command from the docs does not get the
// answer that there is no such command, flag, target, script or test.
func TestCommandsInTheDocsExist(t *testing.T) {
	problems, counts, err := docstest.Check(repositoryRoot, docsRules())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
	for program, least := range map[string]int{"ecsrunner": 40, "make": 30, "go": 12, "aws": 8, "npx": 7, "mutate": 4} {
		if counts[program] < least {
			t.Errorf("%d commands of %s were found in the docs, want at least %d: this test looks in the wrong way", counts[program], program, least)
		}
	}
}

// TestCommandsInTheDocsAreRun: each command of this program that the docs show is in a
// script of testdata.
func TestCommandsInTheDocsAreRun(t *testing.T) {
	run := runByScripts(t)
	shown := map[string]bool{}
	note := func(words []string) {
		if cmd, _, err := newRoot().Find(words); err == nil && cmd.Name() != "help" {
			shown[cmd.CommandPath()] = true
		}
	}
	rules := docsRules()
	rules.Programs["ecsrunner"] = func(c docstest.Command) error { note(c.Words[1:]); return nil }
	for name := range rules.Names {
		rules.Names[name] = func(c docstest.Command) error { note(c.Words); return nil }
	}
	if _, _, err := docstest.Check(repositoryRoot, rules); err != nil {
		t.Fatal(err)
	}
	if len(shown) < 15 {
		t.Errorf("the docs show %d commands: this test looks in the wrong way", len(shown))
	}
	for path := range shown {
		if !run[path] {
			t.Errorf("the docs show `%s`, and no script of testdata runs it", path)
		}
	}
}

// runByScripts are the commands that the scripts run.
func runByScripts(t *testing.T) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			before, words, ok := strings.Cut(strings.TrimSpace(line), "ecsrunner ")
			if cmd, _, err := newRoot().Find(strings.Fields(words)); ok && err == nil && strings.Contains(" exec exits ", " "+firstWord(before)+" ") {
				run[cmd.CommandPath()] = true
			}
		}
	}
	return run
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(text, "! "), " ")
	return word
}

// TestExamplesInTheHelpExist holds the help's own examples to the same rules.
func TestExamplesInTheHelpExist(t *testing.T) {
	examples := 0
	for _, cmd := range everyCommand(newRoot()) {
		if cmd.Example == "" {
			continue
		}
		examples++
		for _, problem := range docstest.CheckPage(repositoryRoot, cmd.CommandPath(), "```sh\n"+cmd.Example+"\n```\n", docsRules()) {
			t.Error(problem)
		}
	}
	if examples < 10 {
		t.Errorf("%d commands have examples: this test would hold for little", examples)
	}
}

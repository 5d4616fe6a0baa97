package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/docstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// docsRules are the rules for what the docs show of this program, and for what they write
// into its files.
func docsRules() docstest.Rules {
	rules := docstest.Rules{
		Programs: map[string]docstest.Rule{
			"ecsrunner": func(c docstest.Command) error { return takes(c, c.Words[1:]) },
			"printf":    writesConfiguration,
			"sqlite3":   runsOnRecords,
			"ssh":       forwardsAPort,
			"openssl":   readsAKey,

			"export-jobs": exportsJobs,
		},
		Names: map[string]docstest.Rule{},
		Flag:  hasFlags,
	}
	for _, cmd := range newRoot().Commands() {
		rules.Names[cmd.Name()] = func(c docstest.Command) error { return takes(c, c.Words) }
	}
	return rules
}

// takes returns what this program has against the words, without doing what they say.
func takes(c docstest.Command, words []string) error {
	cmd, rest, err := newRoot().Find(words)
	if err != nil {
		return err
	}
	if c.IsName(rest) && cmd.HasParent() {
		return nil
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if help, err := cmd.Flags().GetBool("help"); help || err != nil {
		return err
	}
	return errors.Join(cmd.ValidateArgs(cmd.Flags().Args()), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups())
}

// hasFlags checks flags that stand alone, as `--engine docker`: one command has them all.
func hasFlags(c docstest.Command) error {
	for _, cmd := range everyCommand(newRoot()) {
		if cmd.DisableFlagParsing {
			continue
		}
		cmd.InitDefaultHelpFlag()
		if len(c.Words) == 1 && !strings.Contains(c.Words[0], "=") {
			if name := c.Words[0][2:]; cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil {
				return nil
			}
		} else if cmd.ParseFlags(c.Words) == nil && cmd.Flags().NArg() == 0 {
			return nil
		}
	}
	return fmt.Errorf("no command of ecsrunner has %s", strings.Join(c.Words, " "))
}

func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, everyCommand(sub)...)
	}
	return all
}

// writesConfiguration checks a printf by what it writes.
func writesConfiguration(c docstest.Command) error {
	if c.Out != "fleet.yaml" || len(c.Words) != 2 {
		return errors.New("this test only knows printf TEXT > fleet.yaml")
	}
	_, err := config.Parse([]byte(strings.ReplaceAll(c.Words[1], `\n`, "\n")), c.Out)
	return err
}

// forwardsAPort checks that a tunnel leads from a port to the same of the other machine.
func forwardsAPort(c docstest.Command) error {
	if len(c.Words) == 2 && c.Words[1] == "-L" { // its name
		return nil
	}
	if len(c.Words) != 4 || c.Words[1] != "-L" {
		return errors.New("this test only knows ssh -L PORT:127.0.0.1:PORT MACHINE")
	}
	if ends := strings.Split(c.Words[2], ":"); len(ends) != 3 || ends[0] != ends[2] || ends[1] != "127.0.0.1" {
		return fmt.Errorf("%s does not lead to the same port", c.Words[2])
	}
	return nil
}

// readsAKey checks how a passphrase is taken off a key.
func readsAKey(c docstest.Command) error {
	if len(c.Words) != 6 || c.Words[1] != "pkey" || c.Words[2] != "-in" || c.Words[4] != "-out" {
		return errors.New("this test only knows openssl pkey -in FILE -out FILE")
	}
	return nil
}

// exportsJobs: a repository, and then days. Another test runs the script.
func exportsJobs(c docstest.Command) error {
	if len(c.Words) < 3 || !isRepository(c.Words[1]) {
		return errors.New("scripts/export-jobs takes a repository and at least one day")
	}
	for _, day := range c.Words[2:] {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return err
		}
	}
	return nil
}

// runsOnRecords runs SQL on the records of a fresh fleet.
func runsOnRecords(c docstest.Command) error {
	if len(c.Words) != 3 || c.Words[1] != sqlite.FileName {
		return fmt.Errorf("this test only knows sqlite3 %s STATEMENT", sqlite.FileName)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, sqlite.FileName)
	store, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(c.Words[2])
	return err
}

// TestBrokenCommandsAreNoticed: what a page could get wrong about this program.
func TestBrokenCommandsAreNoticed(t *testing.T) {
	for what, c := range map[string]struct{ page, says string }{
		"a command that there is not":       {"```sh\necsrunner rusn list\n```", `unknown command "rusn"`},
		"a subcommand that there is not":    {"`ecsrunner runs lits`", `unknown command "lits"`},
		"one without the program":           {"`images lits`", `unknown command "lits"`},
		"a flag that there is not":          {"`ecsrunner drain --noww`", "unknown flag: --noww"},
		"a flag of another command":         {"`ecsrunner runs list --engine docker`", "unknown flag: --engine"},
		"a value of the wrong kind":         {"`ecsrunner demo --jobs many`", "--jobs"},
		"an argument too many":              {"`ecsrunner runs show <run> <run>`", "takes one run id"},
		"an argument too few":               {"```sh\nbuild/ecsrunner runs show\n```", "takes one run id"},
		"an argument where none is taken":   {"`ecsrunner runs list job-1`", "takes no argument"},
		"go run of it":                      {"`go run ./cmd/ecsrunner demo --engin docker`", "unknown flag: --engin"},
		"its flag alone":                    {"`--engin docker`", "no command of ecsrunner has --engin docker"},
		"its flag alone, without a value":   {"`--jsn`", "no command of ecsrunner has --jsn"},
		"a systemd unit":                    {"```ini\nExecStart=/usr/local/bin/ecsrunner local --confg x\n```", "unknown flag: --confg"},
		"a configuration with a wrong key":  {"```sh\nprintf 'github_rpo: a/b\\n' > fleet.yaml\n```", "github_rpo"},
		"SQL on a table that there is not":  {"`sqlite3 fleet.db \"DELETE FROM curses\"`", "no such table: curses"},
		"SQL on a column that there is not": {"`sqlite3 fleet.db \"DELETE FROM cursors WHERE named = 'x'\"`", "no such column: named"},
	} {
		problems := docstest.CheckPage(repositoryRoot, "page.md", c.page, docsRules())
		if !slices.ContainsFunc(problems, func(problem string) bool { return strings.Contains(problem, c.says) }) {
			t.Errorf("%s is not noticed: %q, want %q", what, problems, c.says)
		}
	}
}

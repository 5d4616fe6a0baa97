package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

func newConfig() *cobra.Command {
	return group("config", "The fleet's configuration, fleet.yaml", newConfigCheck())
}

// checked is what is wrong with a configuration.
type checked struct {
	File     string           `json:"file"`
	Problems []config.Problem `json:"problems"`
}

func newConfigCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration, and print all that is wrong with it",
		Long: `Check a configuration, and print all that is wrong with it, one problem a line, each
with its line and key. It asks nobody: secrets are not read, and neither AWS nor GitHub
is called. ` + "`ecsrunner doctor`" + ` does that.

FILE is fleet.yaml unless ECSRUNNER_CONFIG says otherwise. The exit status is 1 if
something is wrong. Editors check while you type with docs/schemas/fleet.schema.json, by
a first line such as in examples/fleet.yaml.`,
		Example: `  ecsrunner config check
  ecsrunner config check prod.yaml --json | jq -r '.problems[] | "\(.line): \(.key): \(.message)"'`,
		Annotations: environment(configVar),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%s takes one file; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := configPath("")
			if len(args) == 1 {
				path = args[0]
			}
			found, err := unlessStopped(cmd.Context(), "the configuration", func() (checked, error) { return checkConfig(path) })
			if err != nil {
				return usageError{err}
			}
			w := cmd.OutOrStdout()
			if asJSON {
				err = printJSON(w, found)
			} else {
				for _, p := range found.Problems {
					fmt.Fprintln(w, readable.Plain(p.In(path)))
				}
			}
			switch {
			case err != nil:
				return err
			case len(found.Problems) > 0:
				return exitCode(exitFailure)
			case !asJSON:
				cmd.PrintErrf("%s: no problem\n", path)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with stable field names")
	return cmd
}

// unlessStopped is what read returns, unless it is stopped before: a pipe that nothing writes
// to cannot be waited for in another way. what is what was being read.
func unlessStopped[T any](ctx context.Context, what string, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // it ends with the program
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("stopped: %s was not read to its end", what)
	}
}

// checkConfig fails for a file that cannot be read.
func checkConfig(path string) (checked, error) {
	found := checked{File: path, Problems: []config.Problem{}}
	file, err := config.Load(path)
	var problems *config.Problems
	switch {
	case errors.As(err, &problems):
		found.Problems = problems.List
		return found, nil
	case err != nil:
		return found, err
	}
	_, err = file.Authorities(filepath.Dir(path), time.Now())
	if err != nil {
		found.Problems = append(found.Problems, config.Problem{Key: "github_ca", Message: strings.TrimPrefix(err.Error(), "github_ca: ")})
	}
	return found, nil
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// consent are the flags of commands that take something away. They ask on a terminal; in a
// pipe they refuse: the --stack of a shell's history may be the wrong one.
type consent struct{ yes, dryRun bool }

func (c *consent) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "say what would be done, and change nothing")
}

// possible refuses, before anything is looked at, a command that could not ask.
func (c *consent) possible(cmd *cobra.Command) error {
	switch {
	case c.yes && c.dryRun:
		return usagef("--yes and --dry-run contradict each other: use one of them")
	case c.yes || c.dryRun || canAsk(cmd):
		return nil
	}
	return usagef("%s asks before it does anything, and standard input is no terminal: add --yes, or --dry-run to see what it would do", cmd.CommandPath())
}

// canAsk reports whether a person sees the question and can answer it.
func canAsk(cmd *cobra.Command) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	return ok && term.IsTerminal(int(in.Fd())) && isTerminal(cmd.ErrOrStderr())
}

// given asks whether to do what the lines say; the answer no is exit status 1, and nothing
// was done. It does not ask with --yes.
func (c *consent) given(cmd *cobra.Command, what ...string) error {
	if c.yes {
		return nil
	}
	return ask(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), what)
}

func ask(ctx context.Context, in io.Reader, out io.Writer, what []string) error {
	for _, line := range what {
		fmt.Fprintln(out, readable.Plain(line))
	}
	fmt.Fprint(out, "Go on? [y/N] ")
	answers := make(chan string, 1)
	go func() { // a read of a terminal cannot be ended: the program ends with it
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil { // Ctrl-D, which leaves the cursor behind the question
			fmt.Fprintln(out)
		}
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out)
		return errors.New("stopped: nothing was done")
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return errors.New("nothing was done")
	}
}

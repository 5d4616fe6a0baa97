// Command mutate applies the wrong changes of internal/mutation/mutants to a copy of the
// repository in the working directory, and says what catches each.
//
// Its exit status is 0 if each was caught, 1 if one was not or the list is wrong, 2 for a
// wrong call, and 130 after Ctrl-C.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/mutation"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status, err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
	}
	os.Exit(status)
}

func run(ctx context.Context) (status int, err error) {
	only := flag.String("only", "", "try the mutants of this `name` or pattern, as in 'claim-*'")
	list := flag.Bool("list", false, "list the mutants and what they break")
	histories := flag.Int("simulate", 2000, "play so many `histories` against a mutant that its tests do not catch; 0 leaves the simulation out")
	limit := flag.Duration("limit", 5*time.Minute, "most `time` that one run of tests or of the simulation may take")
	flag.Parse()
	if flag.NArg() > 0 || *histories < 0 || *limit <= 0 {
		flag.Usage()
		return 2, nil
	}
	all, err := mutation.Load(os.DirFS(mutation.Folder))
	if err != nil {
		return 1, err
	}
	some, err := mutation.Select(all, *only)
	if err != nil {
		return 2, err
	}
	if *list {
		mutation.List(os.Stdout, some)
		return 0, nil
	}
	trial := mutation.Trial{
		Root: ".", Mutants: some, GoCommand: cmp.Or(os.Getenv("GO"), "go"),
		Histories: *histories, Limit: *limit, Now: time.Now,
	}
	report := mutation.Report{To: os.Stdout, Mutants: some}
	switch err := trial.Run(ctx, report.Tell); {
	case errors.Is(err, context.Canceled):
		return 130, errors.New("interrupted; the rest was not tried")
	case err != nil:
		return 1, err
	}
	if !report.End() {
		return 1, nil
	}
	return 0, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitPipe    = 141 // 128 + SIGPIPE, as of a program that the signal ends
)

// usageError is a mistake in the command line or the configuration: exit status 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode is a status that a command ends with after it has printed its message.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return status(root.ExecuteContext(ctx), stderr)
}

// stopSignals are the signals that ask a command to end: Ctrl-C, a service manager's
// and a closing terminal's, unless nohup ignores that.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// status prints what went wrong and returns the exit status for it.
func status(err error, stderr io.Writer) int {
	var code exitCode
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage), errors.As(err, new(datadir.InUse)), errors.As(err, new(datadir.Foreign)), errors.As(err, new(local.WrongFleet)):
		complain(stderr, err)
		return exitUsage
	case errors.Is(err, syscall.EPIPE):
		complain(stderr, errors.New("nobody reads the output any more"))
		return exitPipe
	}
	complain(stderr, err)
	return exitFailure
}

// complain prints an error; joined errors take several lines.
func complain(stderr io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(stderr, "ecsrunner:", visible(strings.TrimSuffix(line, "\n")))
	}
	if missing := new(report.NotFound); errors.As(err, missing) && (missing.What == "run" || missing.What == "runner") {
		fmt.Fprintf(stderr, "ecsrunner: `ecsrunner %ss list` lists those there are\n", missing.What)
	}
}

// visible writes what does not print, such as an escape code in an argument, as Go quotes it.
func visible(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if part := text[:size]; unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1) || r == '\t' {
			b.WriteString(part)
		} else {
			b.WriteString(strings.Trim(strconv.Quote(part), `"`))
		}
		text = text[size:]
	}
	return b.String()
}

func newRoot() *cobra.Command {
	var wantsVersion bool
	root := &cobra.Command{
		Use:   "ecsrunner",
		Short: "Ephemeral GitHub Actions runners on your own AWS account, or on one machine",
		Long: `Ephemeral GitHub Actions runners on your own AWS account, or on one machine.

Start with "ecsrunner demo": a simulated GitHub and a fleet on this machine, no
set-up, no network. Then "ecsrunner local" is the same fleet for your repository,
and "npx cdk deploy" puts it on AWS. Commands that look at a fleet find it by
--data-dir on this machine, and by --stack on AWS.

Standard output is data, and --json makes it JSON with stable field names;
standard error is talk.`,
		Example: `  ecsrunner demo
  ecsrunner local --config fleet.yaml --data-dir /var/lib/ecsrunner --runner-dir /opt/actions-runner
  ecsrunner why https://github.com/octo-org/app/actions/runs/7001/job/20000000005 --stack ecsrunner-fleet
  ecsrunner runs list --data-dir /var/lib/ecsrunner
  ecsrunner runs list --stack ecsrunner-fleet`,
		Annotations:   environment(configVar, dataDirVar, deployment.EnvTable, deployment.EnvClassSizes, deployment.EnvStateMachine, deployment.EnvRunnerLogs, profileVar, regionVar, patVar, secretVar, noColorVar, forceColorVar),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wantsVersion {
				return thisVersion().write(cmd.OutOrStdout())
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&wantsVersion, "version", false, "print the version of this program")
	root.SetFlagErrorFunc(flagError)
	addFooter(root)
	root.SetHelpCommand(newHelp())
	addGroup(root, "Run a fleet on this machine:", onlyOnUnix(newDemo()), onlyOnUnix(newLocal()), onlyOnUnix(newBench()))
	addGroup(root, "Look at a fleet, on AWS or on this machine:", newSetup(), newConsole(), newWhy(), newDoctor(), newRuns(), newRunners(), newImages(), newEvents(), newCluster(), newClasses(), formerly("list-class-sizes", newClassesList()))
	addGroup(root, "Watch a fleet and count what it did:", newTop(), newStats(), newCost())
	addGroup(root, "Operate a fleet, on AWS or on this machine:", newPause(), newResume(), newDrain())
	addGroup(root, "Try its configuration and its webhook:", newExplain(), newSimulate(), newWebhook(), newConfig())
	root.AddCommand(newVersion(), newEntrypoint(), newSimulatedRunner(), newBenchStandIns())
	addJQ(root)
	addCompletion(root)
	addMan(root)
	return root
}

// addGroup adds commands that the help lists under a title of their own.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
		root.AddCommand(cmd)
	}
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// formerly is a command under the name that it had before, which is not shown.
func formerly(name string, cmd *cobra.Command) *cobra.Command {
	_, args, _ := strings.Cut(cmd.Use, " ")
	cmd.Use, cmd.Hidden = strings.TrimSpace(name+" "+args), true
	return cmd
}

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/loopback"
)

// consoleFlags are what `ecsrunner console` is started with.
type consoleFlags struct {
	source
	listen       string
	allowChanges bool
}

func newConsole() *cobra.Command {
	var flags consoleFlags
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Show the fleet in the browser, live",
		Long: `Show the fleet in the browser, live: the state machine with the runners at each step,
what waits and why, and for each run what ` + "`ecsrunner why`" + ` says, its timeline, its state
history and its log. Of a fleet on AWS it reads with your rights.

It prints a link to open on this machine. The link has a token: who has it sees the
fleet. Elsewhere open it through a tunnel, such as ssh -L. It ends with Ctrl-C.

Nothing can be changed there. With --allow-changes the pages have buttons to pause and
resume the fleet, to try a run again and to terminate a runner.`,
		Example: `  ecsrunner console --data-dir /var/lib/ecsrunner
  ecsrunner console --stack ecsrunner-fleet
  ecsrunner console --stack ecsrunner-fleet --listen 127.0.0.1:8300 --allow-changes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.read(cmd.Context(), func(f *opened) error { return flags.serve(cmd, f) })
		},
	}
	flags.source.flags(cmd)
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:0", "address of this machine to serve at; port 0 is a free one")
	cmd.Flags().BoolVar(&flags.allowChanges, "allow-changes", false, "let the pages pause, resume, retry and terminate")
	return cmd
}

// consoleLink is where a console is served. It has the token, and is for its reader alone.
type consoleLink struct {
	URL string `json:"url"`
}

func (flags *consoleFlags) serve(cmd *cobra.Command, f *opened) error {
	ctx := cmd.Context()
	options, err := flags.options(ctx, f)
	if err != nil {
		return err
	}
	if settings, err := f.records.Settings(ctx); err != nil {
		return err
	} else if settings.FleetName == "" {
		cmd.PrintErrln("the fleet has noted nothing yet: it does so when it has started")
	}
	if f.cloud == nil && !datadir.IsServed(f.dir) {
		cmd.PrintErrf("no fleet serves %s now: the pages show what it has left, and follow it once it is started\n", f.dir)
	}
	door, err := loopback.Listen(ctx, flags.listen)
	if err != nil {
		return usagef("--listen: %w", err)
	}
	if flags.json {
		err = printJSON(cmd.OutOrStdout(), consoleLink{door.Link("/")})
	} else {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), door.Link("/"))
	}
	if err != nil {
		_ = door.Close()
		return err
	}
	cmd.PrintErrln("open the link in a browser on this machine; Ctrl-C ends the console")
	return door.Serve(ctx, console.New(options))
}

// options are a console of the opened fleet.
func (flags *consoleFlags) options(ctx context.Context, f *opened) (console.Options, error) {
	o := console.Options{
		Records: f.records, Version: thisVersion().Version, Done: ctx.Done(), Now: time.Now,
		OpenLog: func(ctx context.Context, runnerID string) (console.Log, error) {
			log, err := logOf(ctx, f, runnerID)
			return consoleLog{log}, err
		},
	}
	if f.cloud != nil {
		at := f.cloud.place()
		o.Flags, o.Place, o.Region = f.cloud.flags(), at.Region, at.Region
		o.Allowed = f.cloud.vcpusAllowed()
		if at.Stack != "" {
			o.Place = "stack " + at.Stack + " in " + at.Region
		}
	} else {
		o.Place = f.dir
		o.Serves = func() bool { return datadir.IsServed(f.dir) }
		if flags.named != "" {
			o.Flags = " --data-dir " + flags.named
		}
	}
	if !flags.allowChanges {
		return o, nil
	}
	operator, err := flags.operator(ctx)
	o.Operator = operator
	return o, err
}

// consoleLog is a runner's log for the console.
type consoleLog struct{ log liveLog }

func (l consoleLog) Read(ctx context.Context, final bool, line func(string) error) (int, error) {
	return l.log.read(ctx, final, line)
}

func (l consoleLog) Over(ctx context.Context) (bool, error) { return l.log.over(ctx) }

// consoleDoorway is where `ecsrunner local` serves the console. nil is nowhere.
type consoleDoorway struct {
	door  *loopback.Door
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// consoleDoor takes the address, "" for none.
func consoleDoor(ctx context.Context, address string) (*consoleDoorway, error) {
	if address == "" {
		return nil, nil
	}
	door, err := loopback.Listen(ctx, address)
	if err != nil {
		return nil, usagef("--console: %w", err)
	}
	return &consoleDoorway{door: door}, nil
}

// open serves the console of a data directory, until close. It reads the records by a
// connection of its own, which notices what the fleet writes.
func (d *consoleDoorway) open(cmd *cobra.Command, dir string, allowChanges bool) error {
	if d == nil {
		return nil
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(cmd.Context())) // jobs may finish after the first Ctrl-C
	d.stop = stop
	flags := consoleFlags{source: source{dataDir: dataDir{named: dir}}, allowChanges: allowChanges}
	f, err := flags.openHere(ctx)
	if err != nil {
		return err
	}
	options, err := flags.options(ctx, f)
	if err != nil {
		f.close()
		return err
	}
	cmd.PrintErrf("console: %s\n", d.door.Link("/"))
	d.ended.Go(func() {
		defer f.close()
		if err := d.door.Serve(ctx, console.New(options)); err != nil {
			cmd.PrintErrf("warning: the console ended: %v\n", err)
		}
	})
	return nil
}

func (d *consoleDoorway) close() {
	if d == nil {
		return
	}
	if d.stop != nil {
		d.stop()
	}
	d.ended.Wait()
	_ = d.door.Close()
}

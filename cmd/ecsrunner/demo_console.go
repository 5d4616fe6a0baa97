package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// demoRunners is max_runners of a demo with a console: few enough that jobs wait for room
// now and then.
const demoRunners = 8

// consoleDemo shows a fleet in the console while jobs arrive at the pace of people. It ends
// with the context.
func consoleDemo(cmd *cobra.Command, flags demoFlags) (err error) {
	ctx := cmd.Context()
	keepWriting()
	dir, leave, err := demoDir(cmd, flags.keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	door, err := consoleDoor(ctx, flags.console)
	if err != nil {
		return err
	}
	defer door.close()
	talk := newProgress(cmd.ErrOrStderr())
	talk.close() // the console shows the runs
	world, err := startDemo(ctx, dir, talk, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.stop(context.WithoutCancel(ctx))) }()
	if err := door.open(cmd, dir, true); err != nil {
		return err
	}
	talk.say("open the link in a browser on this machine; jobs arrive until Ctrl-C. GitHub, its runner and the people who push are simulated; the fleet is not.")
	queued, err := workday(ctx, world.github, flags.jobs)
	if err != nil {
		return err
	}
	if ctx.Err() == nil {
		talk.say("%s queued: the console stays until Ctrl-C", wasOrWere(queued))
		<-ctx.Done()
	}
	talk.say("stopping")
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/bench"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
)

const (
	standInsName = "bench-stand-ins"
	benchDisk    = 256 << 20 // bytes, and for each record
	benchRecord  = 6 << 10
)

func newBench() *cobra.Command {
	var cfg bench.Config
	var profile string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a fleet on this machine: how many jobs it runs, how fast, and in how much memory",
		Long: `Measure a fleet on this machine: how many jobs it runs, how fast, and in how much memory.

The fleet is the one of "ecsrunner local", over HTTP on the loopback interface, with its
records in a directory of its own that is removed in the end. GitHub is simulated, and
the runners do nothing: they claim their credential, take a job and end it after
--job-time. Both live in a second process, so that memory, descriptors and processor time
are the fleet's own. Nothing leaves this machine.

OVERHEAD is from the webhook that a job is queued until the fleet starts its runner. JOB
is from that webhook until the job's run is closed. The percentiles are of the nearest
rank. With --job-time 0s the jobs come as fast as the fleet can run them: then look at
the jobs a second, and not at times, which are those of a queue. With --records the
database begins with so many ended runs. The fleet's limit of runners that start in a
minute, for GitHub's sake, does not apply.

The exit status is 0 if every job was run and nothing went wrong, whatever the times.`,
		Example: `  ecsrunner bench
  ecsrunner bench --jobs 10000
  ecsrunner bench --jobs 1000 --job-time 0s
  ecsrunner bench --jobs 1000 --records 1000000
  ecsrunner bench --json | jq .overhead_ms.p95`,
		Annotations: environment(noColorVar, tempDirVar),
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Check(); err != nil {
				return usageError{err}
			}
			return measure(cmd, cfg, profile, asJSON)
		},
	}
	cmd.Flags().IntVar(&cfg.Jobs, "jobs", 100, "how many jobs to run")
	cmd.Flags().IntVar(&cfg.Concurrency, "concurrency", 50, "how many of them at once")
	cmd.Flags().DurationVar(&cfg.JobTime, "job-time", 2*time.Second, "how long a job takes, half of it to one and a half")
	cmd.Flags().IntVar(&cfg.Records, "records", 0, "how many ended runs to write into the database first")
	cmd.Flags().StringVar(&profile, "cpu-profile", "", "write what the fleet's processor time went into to a `file`, for go tool pprof")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the figures as JSON")
	return cmd
}

func measure(cmd *cobra.Command, cfg bench.Config, profile string, asJSON bool) (err error) {
	keepWriting()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cfg.StandIns = []string{self, standInsName}
	if cfg.Dir, err = os.MkdirTemp("", "ecsrunner-bench-"); err != nil {
		return fmt.Errorf("make a data directory: %w: set TMPDIR to a directory that can be written", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(cfg.Dir)) }()
	if err := local.NeedsDisk(cfg.Dir, benchDisk+uint64(cfg.Records)*benchRecord); err != nil {
		return fmt.Errorf("%w: make room, or set TMPDIR", err)
	}
	cfg.Say = func(format string, args ...any) { cmd.PrintErrf(format+"\n", args...) }
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return usageError{err}
		}
		defer file.Close()
		cfg.Profile = func() func() {
			_ = pprof.StartCPUProfile(file) // fails only if one runs
			return pprof.StopCPUProfile
		}
	}
	result, err := bench.Run(cmd.Context(), cfg)
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: what was measured so far is gone, and so is the data directory")
	case err != nil:
		return err
	case asJSON:
		err = printJSON(cmd.OutOrStdout(), result)
	default:
		err = result.Text(cmd.OutOrStdout())
	}
	if err == nil && result.Errors > 0 {
		err = fmt.Errorf("%s, the first: %s", numberOf(result.Errors, "error"), result.FirstOops)
	}
	return err
}

// newBenchStandIns is the process of the stand-ins. It ends when its input does: a signal
// from the terminal is for the fleet's process.
func newBenchStandIns() *cobra.Command {
	return &cobra.Command{
		Use:    standInsName,
		Short:  "A simulated GitHub and runners that do nothing, for ecsrunner bench",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.Serve(context.WithoutCancel(cmd.Context()), io.Reader(os.Stdin), cmd.OutOrStdout())
		},
	}
}

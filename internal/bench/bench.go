// Package bench measures a whole fleet on one machine: the program that `ecsrunner local`
// runs, with its records in a directory of their own, while jobs come and end as fast as
// it lets them.
//
// GitHub and the runners are stand-ins (see Serve), and live in a process of their own, so
// that what is measured of this process is the fleet's alone. The two speak GitHub's REST
// API, webhooks and the claim over HTTP on the loopback interface; only the order to start
// a runner, which would be the start of a process, goes through a pipe.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Config says what is measured.
type Config struct {
	Jobs        int
	Concurrency int // jobs that have begun and not ended, at most
	Records     int // runs that ended long ago, and their runners, written before
	// JobTime is how long a job takes, half of it to one and a half.
	JobTime time.Duration
	// StandIns is the command that runs Serve on its standard input and output.
	StandIns []string
	Dir      string // empty, for the fleet's data; the caller removes it
	// Say gets a line about what is happening now and then; nil says nothing.
	Say func(format string, args ...any)
	// Profile, which may be nil, is called before the jobs are queued, and what it returns
	// after they have ended.
	Profile func() (stop func())
}

// Limits of a measurement: it ends by itself.
const (
	MostJobs        = 20_000
	MostConcurrency = 500
	MostRecords     = 2_000_000
	MostJobTime     = time.Minute

	mostTime  = time.Hour
	patience  = 90 * time.Second // in which some job must end
	stopGrace = 10 * time.Second
)

// Check says what is wrong with the numbers.
func (c Config) Check() error {
	switch {
	case c.Jobs < 1 || c.Jobs > MostJobs:
		return fmt.Errorf("--jobs %d: use 1 to %d", c.Jobs, MostJobs)
	case c.Concurrency < 1 || c.Concurrency > MostConcurrency:
		return fmt.Errorf("--concurrency %d: use 1 to %d", c.Concurrency, MostConcurrency)
	case c.Records < 0 || c.Records > MostRecords:
		return fmt.Errorf("--records %d: use 0 to %d", c.Records, MostRecords)
	case c.JobTime < 0 || c.JobTime > MostJobTime:
		return fmt.Errorf("--job-time %s: use 0s to %s", c.JobTime, MostJobTime)
	}
	return nil
}

// Run measures. When ctx ends it stops everything that it started. It fails if a job did
// not end, not because of a time.
func Run(ctx context.Context, cfg Config) (_ Result, err error) {
	if cfg.Say == nil {
		cfg.Say = func(string, ...any) {}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, mostTime, fmt.Errorf("the measurement took %s: it stops by itself then", mostTime))
	defer cancel()
	if cfg.Records > 0 {
		cfg.Say("writing %d ended runs and their runners", cfg.Records)
		if err := fill(ctx, cfg.Dir, cfg.Records, time.Now()); err != nil {
			return Result{}, err
		}
	}
	w, err := open(ctx, cfg)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	live, err := w.liveRunners(ctx)
	if err != nil {
		return Result{}, err
	}
	return w.jobs(ctx, live)
}

// size is the size of the files of a database.
func size(file string) (bytes int64) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(file + suffix); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

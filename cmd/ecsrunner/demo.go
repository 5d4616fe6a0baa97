package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/examples"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/workflow"
)

const (
	demoRepository = "octo-org/demo"
	demoFleet      = "demo"
	maxDemoJobs    = 1000
	demoLimit      = 10 * time.Minute
	demoPatience   = 2 * time.Second // with jobs that run when it is interrupted
	demoDisk       = 64 << 20        // bytes: more than a demo writes, with containers too
)

// keepWriting turns a write to a pipe without a reader into an error. Without it the
// write would end the program and leave runners behind.
func keepWriting() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

func newDemo() *cobra.Command {
	var flags demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run jobs on a fleet on this machine against a simulated GitHub",
		Long: `Run jobs on a fleet on this machine against a simulated GitHub: signed webhooks
come in, the state machine launches a runner for each job, the runner claims its
credential, takes a job and really runs its shell steps.

Simulated are GitHub and its runner program; images are known by name only. The
webhook, the state machine, its steps, the claim and the entrypoint are the real
code. Nothing leaves this machine. The jobs come from examples/workflows; one of
them fails on purpose. The exit status is 0 if every job was completed and no
other one failed.

With --engine docker the runners are containers, by Docker or Podman, of images that
are really built: the engine pulls their base images, and the builds install packages
in them from their distributions. Images, containers and network are removed in the
end.

With --console the console is open beside it: jobs arrive as people push, take their
time, and some fail, are refused or wait for an approval, until Ctrl-C or until there
were --jobs of them. Its link is printed, and its pages may change the fleet.`,
		Example: `  ecsrunner demo
  ecsrunner demo --console
  ecsrunner demo --jobs 40
  ecsrunner demo --json | jq -r '.[] | [.run_id, .conclusion] | @tsv'
  ecsrunner demo --keep
  ecsrunner demo --engine docker`,
		Annotations: environment(noColorVar, tempDirVar, dockerHostVar),
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.jobs < 1 || flags.jobs > maxDemoJobs {
				return usagef("--jobs %d: use 1 to %d", flags.jobs, maxDemoJobs)
			}
			if flags.engine != engineProcess && flags.engine != engineDocker {
				return usagef("--engine %s: use docker, which Podman is too, or process", flags.engine)
			}
			if cmd.Flags().Changed("base-image") && flags.engine != engineDocker {
				return usagef("--base-image is for containers: use it with --engine docker")
			}
			if flags.console == "" {
				return demo(cmd, flags)
			}
			if flags.asJSON {
				return usagef("--json is for a demo that ends: leave it out with --console, and use --keep to look at the runs later")
			}
			if !cmd.Flags().Changed("jobs") {
				flags.jobs = maxDemoJobs
			}
			return consoleDemo(cmd, flags)
		},
	}
	cmd.Flags().IntVar(&flags.jobs, "jobs", 8, fmt.Sprintf("how many jobs to queue; with --console %d unless it is given", maxDemoJobs))
	cmd.Flags().StringVar(&flags.console, "console", "", "open the console at an `address` of this machine, as 127.0.0.1:8300, or at a free port")
	cmd.Flags().Lookup("console").NoOptDefVal = "127.0.0.1:0"
	cmd.Flags().BoolVar(&flags.keep, "keep", false, "keep the data directory, to look at with the other commands")
	cmd.Flags().BoolVar(&flags.asJSON, "json", false, "print the runs as JSON")
	cmd.Flags().StringVar(&flags.engine, "engine", engineProcess, "process, or docker for containers by Docker or Podman")
	cmd.Flags().StringVar(&flags.baseImage, "base-image", fleet.DefaultBaseImage, "with --engine docker: what the base image is made from")
	return cmd
}

type demoFlags struct {
	jobs              int
	keep, asJSON      bool
	engine, baseImage string
	console           string // the address, "" for none
}

func demo(cmd *cobra.Command, flags demoFlags) (err error) {
	jobs := flags.jobs
	ctx, cancel := context.WithTimeout(cmd.Context(), demoLimit)
	defer cancel()
	keepWriting()
	dir, leave, err := demoDir(cmd, flags.keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	talk := newProgress(cmd.ErrOrStderr())
	world, err := startDemo(ctx, dir, talk, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.stop(ctx)) }()

	talk.say("simulated GitHub at %s, fleet at %s; %d jobs from examples/workflows", world.githubURL, world.fleet.URL(), jobs)
	ids, err := queueJobs(world.github, jobs)
	if err != nil {
		return err
	}
	waitErr := world.await(ctx, ids)
	talk.close()
	if ctx.Err() != nil {
		talk.say("stopping: jobs that run may finish for %s; once more to stop them now", demoPatience)
	}
	runs, err := report.Runs(context.WithoutCancel(ctx), world.fleet.Source(), time.Now())
	if err != nil {
		return err
	}
	slices.SortFunc(runs, func(a, b report.Run) int { return cmp.Compare(a.JobID, b.JobID) }) // as they were queued
	if flags.asJSON {
		err = printJSON(cmd.OutOrStdout(), runs)
	} else {
		err = printRuns(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), runs, false, time.Now())
	}
	if err != nil {
		return err
	}
	return verdict(cmd.ErrOrStderr(), runs, jobs, waitErr)
}

// demoDir makes a data directory, and what is to be done with it in the end.
func demoDir(cmd *cobra.Command, keep bool) (dir string, leave func() error, err error) {
	if dir, err = os.MkdirTemp("", "ecsrunner-demo-"); err != nil {
		return "", nil, fmt.Errorf("make a data directory: %w: set TMPDIR to a directory that can be written", err)
	}
	if err := local.NeedsDisk(dir, demoDisk); err != nil {
		return "", nil, errors.Join(fmt.Errorf("%w: make room, or set TMPDIR", err), os.RemoveAll(dir))
	}
	if !keep {
		return dir, func() error { return os.RemoveAll(dir) }, nil
	}
	return dir, func() error {
		cmd.PrintErrf("\ndata directory: %s\ntry: %s runs list --data-dir %s\n", dir, typed(), dir)
		return nil
	}, nil
}

// queueJobs queues the jobs of the example workflows, over and over until there are n.
// Each round of a file is a workflow run of its own.
func queueJobs(gh *sim.Server, n int) ([]int64, error) {
	files, err := exampleWorkflows()
	if err != nil {
		return nil, err
	}
	var ids []int64
	for {
		for _, file := range files {
			run := workflow.Run{ID: gh.NewRun(), Attempt: 1, Repository: demoRepository}
			for _, job := range file.Jobs(run) {
				if len(ids) == n {
					return ids, nil
				}
				ids = append(ids, gh.Queue(job))
			}
		}
	}
}

func exampleWorkflows() ([]*workflow.Workflow, error) {
	names, err := fs.Glob(examples.Workflows, "workflows/*.yml")
	if err != nil {
		return nil, err
	}
	var files []*workflow.Workflow
	for _, name := range names {
		text, err := examples.Workflows.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := workflow.Parse("examples/"+name, text)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// demoWorld is a simulated GitHub and a fleet that serves it.
type demoWorld struct {
	github    *sim.Server
	githubURL string
	server    *http.Server
	fleet     *local.Fleet
	changed   chan struct{}

	containers *demoContainers // nil if runners are processes
}

func startDemo(ctx context.Context, dir string, talk *progress, flags demoFlags) (_ *demoWorld, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the simulated GitHub: %w", err)
	}
	w := &demoWorld{githubURL: "http://" + listener.Addr().String(), changed: make(chan struct{}, 1)}
	made := make(chan struct{})
	defer close(made)
	defer func() {
		if err != nil {
			err = errors.Join(err, listener.Close(), w.clear(ctx))
		}
	}()
	token, secret := rand.Text(), rand.Text()
	cfg, err := demoConfig(w, dir, token, secret)
	if err != nil {
		return nil, err
	}
	if flags.console != "" {
		cfg.Policy.MaxRunners = demoRunners
	}
	hub := sim.Config{Repository: demoRepository, Private: true, Token: token, URL: w.githubURL, WebhookSecret: secret}
	if flags.engine == engineDocker {
		talk.say("making ready for containers: a static entrypoint, and a stand-in for GitHub's runner")
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		if w.containers, err = newDemoContainers(ctx, dir, port, func(l net.Listener) {
			if <-made; w.server != nil {
				_ = w.server.Serve(l) // ends with Close
			}
		}); err != nil {
			return nil, err
		}
		if err = w.containers.configure(ctx, &cfg, flags.baseImage); err != nil {
			return nil, err
		}
		hub.RunnerURL = "http://" + net.JoinHostPort(w.containers.host(), port)
		hub.RunnerArchives = map[string][]byte{string(hostArch()): w.containers.archive}
	}
	cfg.Observe = func(c fleet.Changes) {
		talk.show(c.Runs)
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	if w.fleet, err = local.Start(ctx, cfg); err != nil {
		return nil, err
	}
	hub.WebhookURL = w.fleet.URL() + "/webhook"
	if w.github, err = sim.New(hub); err != nil {
		return nil, errors.Join(err, w.fleet.Stop(ctx))
	}
	w.server = &http.Server{Handler: w.github, ReadHeaderTimeout: 10 * time.Second}
	go w.server.Serve(listener) // ends with Close
	return w, nil
}

// clear removes what a demo with containers left in the engine.
func (w *demoWorld) clear(ctx context.Context) error {
	if w.containers == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return w.containers.clear(ctx)
}

func demoConfig(w *demoWorld, dir, token, secret string) (local.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return local.Config{}, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "fleet.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return local.Config{}, err
	}
	arch := hostArch()
	return local.Config{
		Policy: fleet.Policy{
			FleetName: demoFleet, Repositories: []string{demoRepository}, DefaultClass: "small", BaseImage: "base",
			Classes: map[string]fleet.Class{
				"small":  {CPU: 512, Memory: 1024, Arch: arch},
				"medium": {CPU: 1024, Memory: 2048, Arch: arch},
				"large":  {CPU: 4096, Memory: 8192, Arch: arch},
			},
			Registries: fleet.DefaultRegistries, MaxRunners: 20, Limits: fleet.DefaultLimits(),
		},
		GitHubURL:      w.githubURL,
		Credential:     github.PAT(func(context.Context) (string, error) { return token, nil }),
		WebhookSecrets: func(context.Context) ([]string, error) { return []string{secret}, nil },
		DataDir:        dir,
		Listen:         "127.0.0.1:0",
		Entrypoint:     []string{self, "entrypoint", "--"},
		RunnerCommand:  []string{self, "simulated-runner"},
		RunnerEnv:      []string{"PATH=" + os.Getenv("PATH")},
		StopGrace:      2 * time.Second,
		ImagesByName:   true,
		Log:            slog.New(slog.NewTextHandler(log, nil)),
	}, nil
}

// await waits until the fleet has recorded the end of every job.
func (w *demoWorld) await(ctx context.Context, jobs []int64) error {
	for {
		open := 0
		for _, id := range jobs {
			run, known, err := w.fleet.Source().Run(ctx, fleet.RunID(id))
			if err != nil {
				return errors.Join(ctx.Err(), err)
			}
			if !known || !run.Status.Terminal() {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.changed:
		}
	}
}

// stop ends everything. Jobs still run then only if the demo was interrupted; a second
// interruption stops them at once.
func (w *demoWorld) stop(ctx context.Context) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), demoPatience)
	defer cancel()
	again, stop := signal.NotifyContext(limited, stopSignals()...)
	defer stop()
	err := w.fleet.Stop(again)
	w.github.Close()
	return errors.Join(err, w.server.Close(), w.clear(ctx))
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/seal"
)

type localFlags struct {
	engineFlags
	config, listen, apiListen, dataDir, githubURL string
	console                                       string
	runnerCommand, runnerDir                      string
	stopTimeout                                   time.Duration
	keepFreeGiB, keepDays                         uint
	logJSON                                       bool
}

func newLocal() *cobra.Command {
	var flags localFlags
	cmd := &cobra.Command{
		Use:   "local --config fleet.yaml --data-dir DIR",
		Short: "Serve a fleet on this machine",
		Long: `Serve a fleet on this machine: POST /webhook for GitHub, POST /runners/{id}/claim
for its runners, and GET /healthz. A tunnel or proxy needs to publish /webhook alone.
On an address of their own, --api-listen, are the records as JSON at GET /api/runs,
/api/runners and /api/executions, each with /{id}, GET /metrics for Prometheus, and
GET /healthz with the last errors. They ask for no password, and only this machine
reaches them by default.

With Docker or Podman (DOCKER_HOST, or its usual socket) runners are containers: of
the base image, of extra_runner_images, or of any image: that a job asks for, which
the engine builds when they are needed first. They have the class's CPU and memory
and no more privileges than the engine gives by default.

Without, or with --engine process, runners are plain processes of your user, with no
isolation: serve repositories whose workflows you would run here yourself, and image:
jobs are refused. The --runner-command is started in a work directory of its own;
--runner-dir, the unpacked release of GitHub's runner, is laid into it first. Either
of the two means --engine process.

Secrets come from the environment variables GITHUB_PAT and WEBHOOK_SECRET, or
from files that fleet.yaml names (github_pat: file:/path), never from flags.

When it has started it looks at its set-up as ` + "`ecsrunner doctor`" + ` does, and logs what
is wrong.

Ctrl-C or SIGTERM stops it: webhooks are refused, idle runners let go, and jobs
may finish for --stop-timeout. A second one stops the jobs at once.`,
		Example: `  ecsrunner local --config fleet.yaml --data-dir ./data
  ecsrunner local --config fleet.yaml --data-dir ./data --runner-dir /opt/actions-runner
  ecsrunner local --data-dir ./data --runner-command /opt/actions-runner/run.sh --listen 127.0.0.1:9000`,
		Annotations: environment(configVar, dataDirVar, patVar, secretVar, dockerHostVar, otlpVar, otlpMetricsVar),
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return serveLocal(cmd, flags) },
	}
	flags.engineFlags.flags(cmd)
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration (default $ECSRUNNER_CONFIG, else fleet.yaml)")
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "address to serve on")
	cmd.Flags().StringVar(&flags.apiListen, "api-listen", "", "address to serve the records on, without a password (default 127.0.0.1 and the port after that of --listen)")
	cmd.Flags().StringVar(&flags.console, "console", "", "address of this machine to serve the console at, as 127.0.0.1:8300; its link is printed (default: none)")
	cmd.Flags().StringVar(&flags.dataDir, "data-dir", "", "directory for records, logs and work directories (default $"+dataDirVar+")")
	cmd.Flags().StringVar(&flags.githubURL, "github-url", "", "GitHub's address, in place of github_url in the configuration")
	cmd.Flags().StringVar(&flags.runnerCommand, "runner-command", "./run.sh", "what starts the runner, split at spaces")
	cmd.Flags().StringVar(&flags.runnerDir, "runner-dir", "", "directory with GitHub's unpacked runner, laid into each work directory")
	cmd.Flags().DurationVar(&flags.stopTimeout, "stop-timeout", time.Minute, "how long jobs may finish when the fleet is stopped")
	cmd.Flags().UintVar(&flags.keepDays, "keep-days", 90, "days that records of runs are kept when they are over, as on AWS; 0 is for ever. Logs are kept for log_retention_days")
	cmd.Flags().UintVar(&flags.keepFreeGiB, "keep-free-gib", 2, "GiB of disk that stay free: with less, jobs wait; 0 is no limit")
	cmd.Flags().BoolVar(&flags.logJSON, "log-json", false, "log as JSON")
	return cmd
}

func serveLocal(cmd *cobra.Command, flags localFlags) error {
	if cmd.Flags().Changed("runner-command") || flags.runnerDir != "" {
		if flags.engine == engineDocker {
			return usagef("--runner-command and --runner-dir are for --engine process: in containers the image has the runner")
		}
		flags.engine = engineProcess
	}
	cfg, err := localConfig(cmd, flags)
	if err != nil {
		return err
	}
	// Its own handling of signals: the first stops the fleet, the second the jobs.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, stopSignals()...)
	defer signal.Stop(signals)
	keepWriting()

	if err := closeOff(); err != nil {
		cmd.PrintErrf("warning: %v\n", err)
	}
	if cfg.Containers == nil {
		cmd.PrintErrln(openToJobs(os.Getuid() == 0))
	}
	door, err := consoleDoor(cmd.Context(), flags.console)
	if err != nil {
		return err
	}
	defer door.close()
	f, err := local.Start(context.WithoutCancel(cmd.Context()), cfg)
	if err != nil {
		return startError(err)
	}
	if err := door.open(cmd, cfg.DataDir, false); err != nil {
		cmd.PrintErrf("warning: the console is not served: %v\n", err)
	}
	how := "processes"
	if cfg.Containers != nil {
		how = "containers by " + cfg.Containers.Engine.Name()
	}
	serves := report.Settings{Repositories: cfg.Policy.Repositories, Organization: cfg.Policy.Organization}.Serves()
	cmd.PrintErrf("fleet %q serves %s on %s; runners are %s; data in %s\n", cfg.Policy.FleetName, serves, f.URL(), how, cfg.DataDir)
	cmd.PrintErrf("webhook URL: %s/webhook (content type application/json, event \"Workflow jobs\")\n", f.URL())
	cmd.PrintErrf("records for this machine: %s/api/runs\n", f.APIURL())
	looking, done := context.WithCancel(context.WithoutCancel(cmd.Context()))
	defer done()
	go lookAtStart(looking, f, cfg.Log)
	<-signals
	cmd.PrintErrf("stopping: jobs may finish for %s; once more to stop them now\n", flags.stopTimeout)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), flags.stopTimeout)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return f.Stop(ctx)
}

// lookAtStart logs what is wrong with the set-up of a fleet that has just been started, while
// that serves already.
func lookAtStart(ctx context.Context, f *local.Fleet, log *slog.Logger) {
	report, err := f.Doctor(ctx, control.Examination{Skip: local.AtStart})
	if err != nil {
		return // the fleet is stopped
	}
	for _, found := range report.Findings {
		level := slog.LevelWarn
		if found.Severity == doctor.Unchecked {
			level = slog.LevelInfo
		}
		log.Log(ctx, level, "the set-up: "+found.What, "check", found.Check, "about", found.Subject(), "severity", string(found.Severity), "do", found.Do, "run", found.Command)
	}
}

// closeOff closes this process, which has the token and the webhook's secret, to its
// user's other processes.
func closeOff() error {
	if err := seal.Process(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// openToJobs says what jobs that are plain processes can reach.
func openToJobs(root bool) string {
	const files = "warning: runners are plain processes of your user. A job can read all that user's files, with claim.key, fleet.db and any file: secret among them"
	switch {
	case root:
		return files + ", and as root the memory of this process, with the GitHub token and the webhook's secret. Use containers, or a user of the fleet's own that is not root"
	case runtime.GOOS != "linux":
		return files + ", and perhaps the GitHub token in this process's environment. Use containers, or a user of the fleet's own"
	}
	return files + ", and the environment of the shell that started this. This process's own environment and memory are closed to it. Use containers, or a user of the fleet's own"
}

// startError says what to do about a fleet that did not start.
func startError(err error) error {
	var failed local.ListenError
	if !errors.As(err, &failed) {
		return err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return usagef("%s %s: another program has the port: stop that one, or name another port", failed.Flag, failed.Address)
	}
	return usagef("%s: %w: name an address of this machine as host:port", failed.Flag, err)
}

// localConfig reads flags, configuration and secrets, and reports all problems at once.
func localConfig(cmd *cobra.Command, flags localFlags) (local.Config, error) {
	dir, dirErr := namedDir(flags.dataDir)
	if dirErr == nil {
		dirErr = datadir.Check(dir)
	}
	path, file, fileErr := loadConfig(flags)
	authorities, caErr := file.Authorities(filepath.Dir(path), time.Now())
	policy := file.Policy()
	problems := errors.Join(dirErr, fileErr, caErr, flags.engineFlags.check())
	command := strings.Fields(flags.runnerCommand)
	if flags.engine == engineProcess {
		problems = errors.Join(problems, fitsProcesses(flags, command, &policy))
	}
	if problems != nil {
		return local.Config{}, usageError{problems}
	}
	found, err := flags.connect(cmd.Context(), cmd)
	if err != nil {
		return local.Config{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return local.Config{}, err
	}
	cfg := local.Config{
		Policy:         policy,
		GitHubURL:      file.GitHubURL,
		GitHubCA:       authorities,
		Credential:     credential(file),
		WebhookSecrets: func(context.Context) ([]string, error) { return file.WebhookSecrets(os.Getenv, os.ReadFile) },
		DataDir:        dir,
		Listen:         flags.listen,
		APIListen:      flags.apiListen,
		KeepRecords:    time.Duration(flags.keepDays) * 24 * time.Hour,
		KeepLogs:       time.Duration(file.LogRetentionDays) * 24 * time.Hour,
		KeepFree:       uint64(flags.keepFreeGiB) << 30,
		StopGrace:      2 * time.Minute,
		Version:        thisVersion().Version,
		ExportMetrics:  os.Getenv(otlpVar) != "" || os.Getenv(otlpMetricsVar) != "",
		StoreToken:     toStore(file.GitHubPAT),
		ReadSecret:     toRead(file.WebhookSecret),
		Log:            slog.New(logHandler(cmd, flags.logJSON)),
	}
	if found != nil {
		if err := fitToEngine(cmd.Context(), &cfg.Policy, found); err != nil {
			return local.Config{}, usageError{err}
		}
		if note := unpublished(file); note != "" {
			cmd.PrintErrln(note)
		}
		return cfg, withContainers(cmd.Context(), &cfg, found, flags.engineFlags, imagesOf(file, path))
	}
	if err := fitsProcesses(flags, command, &policy); err != nil {
		return local.Config{}, usageError{err}
	}
	cfg.Entrypoint, cfg.RunnerCommand = []string{self, "entrypoint", "--"}, command
	cfg.RunnerEnv = []string{"PATH=" + os.Getenv("PATH")}
	if flags.runnerDir != "" {
		cfg.RunnerDir, err = filepath.Abs(flags.runnerDir)
	}
	return cfg, err
}

// fitsProcesses checks what only a fleet of processes needs.
func fitsProcesses(flags localFlags, command []string, policy *fleet.Policy) error {
	_, err := runnerDirectory(flags, command)
	return errors.Join(err, onlyOf(policy, hostArch(), "runners are plain processes here"))
}

func namedDir(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv(dataDirVar)
	}
	if dir == "" {
		return "", fmt.Errorf("no data directory is named: use --data-dir or set %s", dataDirVar)
	}
	return filepath.Abs(dir)
}

// configPath is where the configuration is, which --config may name.
func configPath(flag string) string { return cmp.Or(flag, os.Getenv(configVar), "fleet.yaml") }

// loadConfig reads the configuration and both secrets, so that problems with any of
// them are reported before anything starts.
func loadConfig(flags localFlags) (string, config.Config, error) {
	path := configPath(flags.config)
	var given []config.Override
	if flags.githubURL != "" {
		given = append(given, config.Override{Key: "github_url", Text: strconv.Quote(flags.githubURL), From: "--github-url"})
	}
	file, err := config.Load(path, given...)
	if err != nil {
		return path, file, err
	}
	tokenErr := checkCredential(file)
	_, secretErr := file.WebhookSecrets(os.Getenv, os.ReadFile)
	return path, file, errors.Join(tokenErr, secretErr)
}

// runnerDirectory checks that the runner's command can exist when it is started.
func runnerDirectory(flags localFlags, words []string) (string, error) {
	if len(words) == 0 {
		return "", errors.New("--runner-command is empty: name what starts the runner, as ./run.sh")
	}
	command := words[0]
	if flags.runnerDir == "" {
		if strings.HasPrefix(command, "./") {
			return "", fmt.Errorf("--runner-command %s is in the runner's work directory, which is empty: name GitHub's unpacked runner with --runner-dir, or give a command with its full path", command)
		}
		return "", nil
	}
	dir, err := filepath.Abs(flags.runnerDir)
	if err != nil {
		return "", fmt.Errorf("--runner-dir: %w", err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("--runner-dir %s is not a directory: unpack GitHub's runner there (see docs/one-machine.md)", dir)
	}
	if strings.HasPrefix(command, "./") {
		if _, err := os.Stat(filepath.Join(dir, command)); err != nil {
			return "", fmt.Errorf("--runner-dir %s has no %s: unpack GitHub's runner there (see docs/one-machine.md)", dir, command)
		}
	}
	return dir, nil
}

// onlyOf refuses classes of a processor other than the given one.
func onlyOf(policy *fleet.Policy, here fleet.Arch, why string) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(policy.Classes)) {
		if arch := policy.Classes[name].Arch; arch != "" && arch != here {
			problems = append(problems, fmt.Errorf("runner_class_sizes.%s.arch: %s, but this machine is %s, and %s: write arch: %s", name, arch, here, why, here))
		}
	}
	return errors.Join(problems...)
}

func hostArch() fleet.Arch {
	if runtime.GOARCH == "arm64" {
		return fleet.ARM64
	}
	return fleet.X64
}

func logHandler(cmd *cobra.Command, asJSON bool) slog.Handler {
	if asJSON {
		return slog.NewJSONHandler(cmd.ErrOrStderr(), nil)
	}
	return slog.NewTextHandler(cmd.ErrOrStderr(), nil)
}

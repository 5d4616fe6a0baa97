package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
)

type localFlags struct {
	config, listen, dataDir, githubURL string
	runnerCommand, runnerDir           string
	stopTimeout                        time.Duration
	logJSON                            bool
}

func newLocal() *cobra.Command {
	var flags localFlags
	cmd := &cobra.Command{
		Use:   "local --config fleet.yaml --data-dir DIR",
		Short: "Serve a fleet on this machine",
		Long: `Serve a fleet on this machine: POST /webhook for GitHub, POST /runners/{id}/claim
for its runners, GET /healthz, and the records as JSON at GET /api/runs,
/api/runners and /api/executions, each with /{id}.

Runners are plain processes of your user, with no isolation: serve repositories
whose workflows you would run here yourself. The --runner-command is started in
a work directory of its own; --runner-dir, the unpacked release of GitHub's
runner, is laid into it first.

Secrets come from the environment variables GITHUB_PAT and WEBHOOK_SECRET, or
from files that fleet.yaml names (github_pat: file:/path), never from flags.

Ctrl-C or SIGTERM stops it: webhooks are refused, idle runners let go, and jobs
may finish for --stop-timeout. A second one stops the jobs at once.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveLocal(cmd, flags) },
	}
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration (default $ECSRUNNER_CONFIG, else fleet.yaml)")
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "address to serve on")
	cmd.Flags().StringVar(&flags.dataDir, "data-dir", "", "directory for records, logs and work directories (default $"+dataDirVar+")")
	cmd.Flags().StringVar(&flags.githubURL, "github-url", "", "GitHub's address, in place of github_url in the configuration")
	cmd.Flags().StringVar(&flags.runnerCommand, "runner-command", "./run.sh", "what starts the runner, split at spaces")
	cmd.Flags().StringVar(&flags.runnerDir, "runner-dir", "", "directory with GitHub's unpacked runner, laid into each work directory")
	cmd.Flags().DurationVar(&flags.stopTimeout, "stop-timeout", time.Minute, "how long jobs may finish when the fleet is stopped")
	cmd.Flags().BoolVar(&flags.logJSON, "log-json", false, "log as JSON")
	return cmd
}

func serveLocal(cmd *cobra.Command, flags localFlags) error {
	cfg, err := localConfig(cmd, flags)
	if err != nil {
		return err
	}
	// Its own handling of signals: the first stops the fleet, the second the jobs.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	f, err := local.Start(context.WithoutCancel(cmd.Context()), cfg)
	if err != nil {
		if bad := new(net.OpError); errors.As(err, &bad) {
			return usagef("--listen: %w: is another program using the port?", err)
		}
		return err
	}
	cmd.PrintErrf("fleet %q serves %s on %s; data in %s\n", cfg.Policy.FleetName, strings.Join(cfg.Policy.Repositories, ", "), f.URL(), cfg.DataDir)
	cmd.PrintErrf("webhook URL: %s/webhook (content type application/json, event \"Workflow jobs\")\n", f.URL())
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

func localConfig(cmd *cobra.Command, flags localFlags) (local.Config, error) {
	dir := flags.dataDir
	if dir == "" {
		dir = os.Getenv(dataDirVar)
	}
	if dir == "" {
		return local.Config{}, usagef("no data directory is named: use --data-dir or set %s", dataDirVar)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return local.Config{}, usagef("--data-dir: %w", err)
	}
	file, err := loadConfig(flags)
	if err != nil {
		return local.Config{}, usageError{err}
	}
	self, err := os.Executable()
	if err != nil {
		return local.Config{}, err
	}
	command := strings.Fields(flags.runnerCommand)
	if len(command) == 0 {
		return local.Config{}, usagef("--runner-command is empty")
	}
	runnerDir, err := runnerDirectory(flags, command[0])
	if err != nil {
		return local.Config{}, err
	}
	policy := file.Policy()
	if err := onThisMachine(&policy); err != nil {
		return local.Config{}, usageError{err}
	}
	return local.Config{
		Policy:         policy,
		GitHubURL:      file.GitHubURL,
		Token:          func(context.Context) (string, error) { return file.Token(os.Getenv, os.ReadFile) },
		WebhookSecrets: func(context.Context) ([]string, error) { return file.WebhookSecrets(os.Getenv, os.ReadFile) },
		DataDir:        dir,
		Listen:         flags.listen,
		Entrypoint:     []string{self, "entrypoint", "--"},
		RunnerCommand:  command,
		RunnerDir:      runnerDir,
		RunnerEnv:      []string{"PATH=" + os.Getenv("PATH")},
		StopGrace:      2 * time.Minute,
		Log:            slog.New(logHandler(cmd, flags.logJSON)),
	}, nil
}

// loadConfig reads the configuration and both secrets, so that what is wrong
// with any of them is said before anything starts.
func loadConfig(flags localFlags) (config.Config, error) {
	path := flags.config
	if path == "" {
		path = os.Getenv("ECSRUNNER_CONFIG")
	}
	if path == "" {
		path = "fleet.yaml"
	}
	file, err := config.Load(path)
	if err != nil {
		return file, err
	}
	if flags.githubURL != "" {
		file.GitHubURL = flags.githubURL
	}
	_, tokenErr := file.Token(os.Getenv, os.ReadFile)
	_, secretErr := file.WebhookSecrets(os.Getenv, os.ReadFile)
	return file, errors.Join(tokenErr, secretErr)
}

// runnerDirectory checks that the runner's command can be there when it is started.
func runnerDirectory(flags localFlags, command string) (string, error) {
	if flags.runnerDir == "" {
		if strings.HasPrefix(command, "./") {
			return "", usagef("--runner-command %s is in the runner's work directory, which is empty: name GitHub's unpacked runner with --runner-dir, or give a command with its full path", command)
		}
		return "", nil
	}
	dir, err := filepath.Abs(flags.runnerDir)
	if err != nil {
		return "", usagef("--runner-dir: %w", err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", usagef("--runner-dir %s is no directory", dir)
	}
	if strings.HasPrefix(command, "./") {
		if _, err := os.Stat(filepath.Join(dir, command)); err != nil {
			return "", usagef("--runner-dir %s has no %s: unpack GitHub's runner there (see README.md)", dir, command)
		}
	}
	return dir, nil
}

// onThisMachine fits the classes to the machine: processes run on its processor
// and no other.
func onThisMachine(policy *fleet.Policy) error {
	here := hostArch()
	var problems []error
	for name, class := range policy.Classes {
		if class.Arch != "" && class.Arch != here {
			problems = append(problems, fmt.Errorf("runner_class_sizes.%s.arch: %s, but this machine is %s, and runners are plain processes here: write arch: %s", name, class.Arch, here, here))
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

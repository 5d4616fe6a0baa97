package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
)

// AtStart are the checks that say little of a fleet that has just been started: its sweep
// and its builds have only begun.
var AtStart = []string{"records", "sweep", "holds", "image", "github_limit"}

// Doctor looks at the set-up of this fleet, with its own credential.
func (f *Fleet) Doctor(ctx context.Context, asked control.Examination) (doctor.Report, error) {
	hidden := &doctor.Secrets{}
	base, err := github.APIBase(f.cfg.GitHubURL)
	if err != nil {
		return doctor.Report{}, err
	}
	client, err := github.HTTPClient(20*time.Second, f.cfg.GitHubCA)
	if err != nil {
		return doctor.Report{}, err
	}
	setup := doctor.Setup{
		FleetName: f.cfg.Policy.FleetName, Policy: f.cfg.Policy, Flags: " --data-dir " + f.cfg.DataDir,
		GitHub:    github.NewWatched(base, f.cfg.Credential, client, time.Now, func(sent string) { hidden.Add(sent) }),
		GitHubURL: f.cfg.GitHubURL, StoreToken: f.cfg.StoreToken, ReadSecret: f.cfg.ReadSecret,
		WebhookSecrets: hidden.Values(f.cfg.WebhookSecrets), WebhookURL: asked.WebhookURL,
		Records: f.store, StartedAt: f.startedAt, NoImages: f.builder == nil, Now: time.Now,
		Version: asked.Version, Deployed: f.cfg.Version, Upgrade: "ecsrunner version",
		More: f.checks(),
	}
	if f.builder != nil {
		setup.Registry = f.builder
	}
	return doctor.Run(ctx, setup.FleetName, setup.Checks(), doctor.Options{Skip: asked.Skip, Secrets: hidden, Now: time.Now})
}

// checks are those that only a fleet on one machine has.
func (f *Fleet) checks() []doctor.Check {
	checks := []doctor.Check{{Name: "process", Run: f.writes}, {Name: "disk", Run: f.diskRoom}}
	switch {
	case f.cfg.Containers != nil:
		checks = append(checks, doctor.Check{Name: "engine", Run: f.engineAnswers})
	case f.cfg.RunnerDir != "":
		checks = append(checks, doctor.Check{Name: "runner", Run: f.runnerThere})
	}
	return checks
}

// writes looks at whether the process can read and write its records.
func (f *Fleet) writes(ctx context.Context) doctor.Result {
	h := f.Health(ctx)
	switch {
	case h.LastWriteError != nil:
		return doctor.Found(doctor.Finding{
			Severity: doctor.Error, What: "records cannot be written: " + h.LastWriteError.Error, Whose: "machine",
			Do: "is the disk full, or read-only? Webhooks are refused until that is mended", Command: "df -h " + f.cfg.DataDir,
		})
	case h.Status != HealthOK:
		return doctor.Found(doctor.Finding{
			Severity: doctor.Error, What: "the fleet's process is " + h.Status, Whose: "machine", Do: "start it again once that is over",
		})
	}
	return doctor.Healthy("the fleet's process is %s, listening on %s", h.Status, f.Addr())
}

func (f *Fleet) diskRoom(context.Context) doctor.Result {
	if err := f.platform.disks.check(); err != nil {
		return doctor.Found(doctor.Finding{
			Severity: doctor.Error, What: err.Error() + ": no runner is started", Whose: "machine",
			Do: "remove images that no job wants, the engine's left-overs or other files", Command: "ecsrunner images list --data-dir " + f.cfg.DataDir,
		})
	}
	return doctor.Healthy("there is room")
}

func (f *Fleet) engineAnswers(ctx context.Context) doctor.Result {
	if _, err := f.cfg.Containers.Engine.Host(ctx); err != nil {
		return doctor.Found(doctor.Finding{
			Severity: doctor.Error, What: "the container engine does not answer: " + err.Error(), Whose: "machine", Do: "start it",
		})
	}
	return doctor.Healthy("%s answers", f.cfg.Containers.Engine.Name())
}

// runnerThere looks at whether what is laid into work directories is still there.
func (f *Fleet) runnerThere(context.Context) doctor.Result {
	_, err := os.ReadDir(f.cfg.RunnerDir)
	if len(f.cfg.RunnerCommand) > 0 && strings.HasPrefix(f.cfg.RunnerCommand[0], "./") {
		_, there := os.Stat(f.cfg.RunnerDir + f.cfg.RunnerCommand[0][1:])
		err = errors.Join(err, there)
	}
	if err != nil {
		return doctor.Found(doctor.Finding{
			Severity: doctor.Error, What: fmt.Sprintf("GitHub's runner is not in --runner-dir any more: %s", firstLine(err)), Whose: "machine",
			Do: "unpack GitHub's runner there again",
		})
	}
	return doctor.Healthy("GitHub's runner is in %s", f.cfg.RunnerDir)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

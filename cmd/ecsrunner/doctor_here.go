package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/quotas"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
)

// here looks at the fleet of a data directory. Its process has the secrets; if none runs,
// the configuration says where they are.
func (e *examined) here(ctx context.Context) (doctor.Report, error) {
	dir, err := e.directory()
	if err != nil {
		return doctor.Report{}, err
	}
	asked := control.Examination{Version: thisVersion().Version, WebhookURL: e.webhookURL, Skip: e.skip}
	report, err := control.Client{Dir: dir}.Doctor(ctx, asked)
	switch {
	case err == nil:
		return report, nil
	case ctx.Err() != nil:
		return doctor.Report{}, errStopped
	case !errors.Is(err, control.ErrNotRunning):
		return e.run(ctx, problem("process", doctor.Finding{
			Severity: doctor.Unchecked, What: err.Error(), Whose: "fleet", Do: "is the process that serves the data directory of an older release? Start it again with this one",
		}))
	}
	f, err := e.openHere(ctx)
	if err != nil {
		return doctor.Report{}, err
	}
	defer f.close()
	settings, err := f.records.Settings(ctx)
	if err != nil {
		return doctor.Report{}, err
	}
	d := e.ofConfig(ctx)
	if d.FleetName == "" {
		d.FleetName, d.Policy = settings.FleetName, policyOf(settings)
	}
	d.Flags, d.Records, d.StartedAt, d.NoImages = " --data-dir "+dir, f.records, time.Now(), settings.Engine == "process"
	d.More = append(d.More, always("process", doctor.Finding{
		Severity: doctor.Error, What: "no fleet serves the data directory", Whose: "operator", Do: "start it",
		Command: fmt.Sprintf("ecsrunner local --config %s --data-dir %s", e.configPath(), dir),
	}))
	return e.without("sweep", "github_limit").run(ctx, d) // which follow from that
}

// without is e with checks left out that would find no more than others.
func (e *examined) without(checks ...string) *examined {
	less := *e
	less.implied = checks
	return &less
}

// configured looks at the configuration alone: no fleet is named.
func (e *examined) configured(ctx context.Context, unnamed error) (doctor.Report, error) {
	if _, err := os.Stat(e.configPath()); errors.Is(err, fs.ErrNotExist) {
		if e.config != "" || os.Getenv(configVar) != "" {
			return doctor.Report{}, usagef("there is no configuration %s: write one with at least the line `github_repo: owner/name`", e.configPath())
		}
		return doctor.Report{}, usagef("%w; or --config for a fleet.yaml before there is a fleet", unnamed)
	}
	d := e.ofConfig(ctx)
	d.FleetName = cmp.Or(d.FleetName, e.configPath())
	return e.run(ctx, d)
}

func (e *examined) configPath() string {
	return cmp.Or(e.config, os.Getenv(configVar), "fleet.yaml")
}

// problem is a set-up of which nothing can be looked at but what is wrong.
func problem(check string, found doctor.Finding) diagnosis {
	return diagnosis{Setup: doctor.Setup{Now: time.Now, More: []doctor.Check{always(check, found)}}, secrets: &doctor.Secrets{}}
}

// always is a check whose findings are known.
func always(name string, findings ...doctor.Finding) doctor.Check {
	return doctor.Check{Name: name, Run: func(context.Context) doctor.Result { return doctor.Found(findings...) }}
}

// ofConfig is the set-up that the configuration describes. What is wrong with the file is
// a finding, and then there is nothing more to look at.
func (e *examined) ofConfig(ctx context.Context) diagnosis {
	path := e.configPath()
	file, err := config.Load(path)
	var problems *config.Problems
	switch {
	case errors.As(err, &problems):
		d := problem("configuration", doctor.Finding{})
		d.More = []doctor.Check{always("configuration", ofProblems(problems)...)}
		return d
	case err != nil:
		return problem("configuration", doctor.Finding{
			Severity: doctor.Unchecked, What: err.Error(), Whose: "configuration", Do: "name it, so that GitHub can be asked: --config fleet.yaml",
		})
	}
	d := diagnosis{secrets: &doctor.Secrets{}, Setup: doctor.Setup{
		FleetName: file.FleetName, Policy: file.Policy(), GitHubURL: file.GitHubURL, Now: time.Now,
		StoreToken: toStore(file.GitHubPAT), ReadSecret: toRead(file.WebhookSecret),
		More: []doctor.Check{{Name: "configuration", Run: func(context.Context) doctor.Result { return dockerfiles(file, filepath.Dir(path)) }}},
	}}
	if d.authorities, err = file.Authorities(filepath.Dir(path), time.Now()); err != nil {
		d.More = append(d.More, always("github_ca", doctor.Finding{
			Severity: doctor.Error, What: err.Error(), Whose: "configuration", Do: "name a file with the certificates of the server's authority as github_ca",
		}))
		return d
	}
	c := e.withAWS(ctx, &d, file)
	d.credentials(file, c)
	return d
}

func ofProblems(problems *config.Problems) (findings []doctor.Finding) {
	for _, p := range problems.List {
		one := config.Problems{File: problems.File, List: []config.Problem{p}}
		findings = append(findings, doctor.Finding{Severity: doctor.Error, What: one.Error(), Whose: "configuration", Do: "mend that line; examples/fleet.yaml shows every key"})
	}
	return findings
}

// dockerfiles looks at what extra_runner_images name.
func dockerfiles(file config.Config, dir string) doctor.Result {
	var findings []doctor.Finding
	for label, path := range file.ExtraRunnerImages {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			findings = append(findings, doctor.Finding{
				About: []string{label}, Severity: doctor.Error, What: "there is no Dockerfile " + path, Whose: "configuration", Do: "write extra_runner_images with paths from the folder of fleet.yaml",
			})
		}
	}
	if findings != nil {
		return doctor.Found(findings...)
	}
	if policy := file.Policy(); policy.WholeOrganization() {
		return doctor.Healthy("it can be used: all repositories of %s, classes %d", policy.Organization, len(file.RunnerClassSizes))
	}
	return doctor.Healthy("it can be used: repositories %d, classes %d", len(file.Repositories), len(file.RunnerClassSizes))
}

// withAWS adds what a configuration for AWS can be compared with. One that names no region
// is for one machine, or not known to be for AWS.
func (e *examined) withAWS(ctx context.Context, d *diagnosis, file config.Config) *cloud {
	region := cmp.Or(e.region, file.AWSRegion)
	_, onAWS := (*cloud)(nil).configured(file)
	_, secret := file.WebhookSecret.AWSSecret()
	if region == "" && !onAWS && !secret {
		return nil
	}
	cfg, err := loadAWS(ctx, region)
	if err != nil {
		d.More = append(d.More, always("aws", doctor.Finding{
			Severity: doctor.Unchecked, What: err.Error(), Whose: "operator", Do: "log in to the account that the fleet is for, or --skip aws",
		}))
		return nil
	}
	c := &cloud{config: cfg}
	d.Explain, d.Denied = c.explain, denied
	d.Quotas = &doctor.Quotas{Source: quotas.Quotas{ServiceQuotas: servicequotas.NewFromConfig(cfg)}, Region: cfg.Region}
	if file.ImageBuildProject != "" {
		d.Quotas.BuildsAtOnce = func(context.Context) (map[fleet.Arch]int, error) {
			atOnce := map[fleet.Arch]int{}
			for _, spec := range d.Policy.StandingImages() {
				atOnce[spec.Arch] = file.OnDemandBuildsAtOnce
			}
			return atOnce, nil
		}
	}
	return c
}

// credentials connects to GitHub with the secrets that the configuration names. Those that
// a deployment is to make are not there yet.
func (d *diagnosis) credentials(file config.Config, c *cloud) {
	base, err := github.APIBase(file.GitHubURL)
	if err != nil {
		return // the configuration was checked
	}
	switch credential, onAWS := c.configured(file); {
	case onAWS && c == nil: // which the check of AWS says
	case onAWS:
		d.asks(base, credential)
	default:
		d.local(file, base)
	}
	forAWS := file.AWSRegion != ""
	switch id, ok := file.WebhookSecret.AWSSecret(); {
	case ok && c != nil:
		d.WebhookSecrets = d.secrets.Values(c.secret(id).Values)
	case !ok && (!forAWS || file.WebhookSecret != config.DefaultWebhookSecret):
		d.WebhookSecrets = d.secrets.Values(func(context.Context) ([]string, error) { return file.WebhookSecrets(os.Getenv, os.ReadFile) })
	}
}

// local connects to GitHub with secrets of this machine.
func (d *diagnosis) local(file config.Config, base string) {
	if err := checkCredential(file); err != nil && file.AWSRegion != "" {
		d.More = append(d.More, always("token", doctor.Finding{
			Severity: doctor.Unchecked, What: "GitHub was not asked: " + err.Error(), Whose: "operator",
			Do: "the deployment makes a secret for it; to try yours before that, set it here too", Command: d.StoreToken,
		}))
		return
	}
	d.asks(base, credential(file))
}

// configured is the credential of a configuration whose secrets are on AWS; onAWS is false if
// they are on this machine.
func (c *cloud) configured(file config.Config) (credential github.Credential, onAWS bool) {
	pat, onAWS := file.GitHubPAT.AWSSecret()
	var apps []deployment.GitHubApp
	for _, app := range file.GitHubApps {
		key, there := app.PrivateKey.AWSSecret()
		onAWS = onAWS || there
		previous, replaced := app.PrivateKeyPrevious.AWSSecret()
		if !replaced {
			previous = ""
		}
		apps = append(apps, deployment.GitHubApp{ID: string(app.ID), Key: key, PreviousKey: previous})
	}
	if !onAWS || c == nil {
		return nil, onAWS
	}
	var token *secrets.Secret
	if file.GitHubPAT != "" {
		token = c.secret(pat)
	}
	return githubapi.Credential(apps, token, file.Policy().SharedPlace() != "", c.secret), true
}

// toStore is the command that stores a secret where a reference says.
func toStore(ref config.SecretRef) string {
	if name, ok := strings.CutPrefix(string(ref), "env:"); ok {
		return "export " + name + "=<the token>"
	}
	if path, ok := strings.CutPrefix(string(ref), "file:"); ok {
		return "install -m 600 /dev/stdin " + path
	}
	id, _ := ref.AWSSecret()
	return "aws secretsmanager put-secret-value --secret-string file:///dev/stdin --secret-id " + id
}

// toRead is what a shell reads a secret by.
func toRead(ref config.SecretRef) string {
	if name, ok := strings.CutPrefix(string(ref), "env:"); ok {
		return "$" + name
	}
	if path, ok := strings.CutPrefix(string(ref), "file:"); ok {
		return "$(cat " + path + ")"
	}
	id, _ := ref.AWSSecret()
	return "$(aws secretsmanager get-secret-value --query SecretString --output text --secret-id " + id + ")"
}

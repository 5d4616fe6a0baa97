package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/queue"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/quotas"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stack"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// setup is the set-up of a fleet on AWS, as far as it can be read with this user's rights.
func (c *cloud) setup(ctx context.Context) diagnosis {
	d := diagnosis{secrets: &doctor.Secrets{}, Setup: doctor.Setup{Now: time.Now, Explain: c.explain, Denied: denied, Flags: c.flags(), WebhookURL: c.webhookURL()}}
	if c.stack != nil {
		d.FleetName, d.StartedAt = c.stack.Output(deployment.OutputFleetName), c.stack.UpdatedAt
		d.Version, d.Deployed, d.Upgrade = thisVersion().Version, c.stack.Output(deployment.OutputVersion), "npx cdk deploy"
		d.More = append(d.More, doctor.Check{Name: "stack", Needs: "cloudformation:DescribeStacks", Run: func(context.Context) doctor.Result { return ofStack(*c.stack) }})
		d.Queues = c.queues(d.FleetName)
	}
	if c.has(recordsTable) == "" {
		return d
	}
	settings, err := c.source().Settings(ctx)
	if err != nil {
		d.More = append(d.More, always("settings", doctor.Finding{
			Severity: doctor.Unchecked, What: c.explain(err).Error(), Whose: "operator", Do: "without the fleet's settings nothing but its stack can be looked at; use credentials that may read its table and parameter",
		}))
		return d
	}
	d.FleetName = cmp.Or(settings.FleetName, d.FleetName)
	d.SweepLogs = fmt.Sprintf("aws logs tail %s --since 15m --region %s", deployment.FunctionLogGroup(d.FleetName, "sweep"), c.config.Region)
	d.Records = c.store()
	if !settings.Told() {
		d.NoImages = true // the fleet has not recorded which there are to be
		d.More = append(d.More, d.untold())
		return d
	}
	d.Policy, d.GitHubURL = servedBy(settings), cmp.Or(settings.GitHubURL, "https://github.com")
	d.Policy.GitHubApp = d.Policy.GitHubApp || c.has(gitHubApps) != "" // it notes that with its next sweep
	d.authorities = settings.GitHubCA
	if c.stack == nil {
		d.StartedAt = settings.StartedAt
	}
	d.Quotas = &doctor.Quotas{Source: quotas.Quotas{ServiceQuotas: servicequotas.NewFromConfig(c.config)}, Region: c.config.Region}
	if project := c.has(buildProject); project != "" && d.Policy.NoOnDemandImages == "" {
		d.Quotas.BuildsAtOnce = func(ctx context.Context) (map[fleet.Arch]int, error) {
			return builds.AtOnce(ctx, codebuild.NewFromConfig(c.config), project)
		}
	}
	if uri := c.has(repository); uri != "" {
		d.Registry = images.Registry{ECR: ecr.NewFromConfig(c.config), Repository: repositoryName(uri)}
	}
	c.secretsOf(&d)
	return d
}

// flags are how commands find this fleet.
func (c *cloud) flags() string {
	if c.stack == nil {
		return ""
	}
	return " --stack " + c.stack.Name + " --region " + c.config.Region
}

// servedBy is what the fleet decides by. The settings of an earlier release have no policy.
func servedBy(settings report.Settings) fleet.Policy {
	p := policyOf(settings)
	p.FleetName, p.Repositories, p.MaxRunners, p.Classes = settings.FleetName, settings.Repositories, settings.MaxRunners, settings.ClassSizes
	if settings.Policy == nil {
		p.AllowPublic = true // not known
	}
	return p
}

// untold is a fleet that has not noted what it serves, which its first sweep does.
func (d *diagnosis) untold() doctor.Check {
	return doctor.Check{Name: "settings", Run: func(context.Context) doctor.Result {
		f := doctor.Finding{Severity: doctor.Error, What: errUntold.Error(), Whose: "fleet", Do: "the log of the sweep says why", Command: d.SweepLogs}
		if time.Since(d.StartedAt) < 5*time.Minute {
			f.Severity, f.Do = doctor.Warning, "wait a minute"
		}
		return doctor.Found(f)
	}}
}

// secretsOf connects to GitHub with the fleet's credential, and finds the webhook's secret.
func (c *cloud) secretsOf(d *diagnosis) {
	base, err := github.APIBase(d.GitHubURL)
	credential, missing := c.credential(d.Policy.SharedPlace() != "")
	if err = errors.Join(err, missing); err != nil {
		d.More = append(d.More, always("token", doctor.Finding{
			Severity: doctor.Unchecked, What: "GitHub was not asked: " + err.Error(), Whose: "operator", Do: "name the secret with the fleet's token",
		}))
		return
	}
	d.asks(base, credential)
	region := " --region " + c.config.Region
	d.StoreToken = "aws secretsmanager put-secret-value --secret-string file:///dev/stdin --secret-id " + c.has(gitHubPAT) + region
	if id := c.has(webhookSecret); id != "" {
		d.ReadSecret = "$(aws secretsmanager get-secret-value --query SecretString --output text --secret-id " + id + region + ")"
		d.WebhookSecrets = d.secrets.Values(c.secret(id).Values)
	}
}

// asks connects to GitHub.
func (d *diagnosis) asks(base string, credential github.Credential) {
	client, err := d.client(base, credential)
	if err != nil {
		d.More = append(d.More, always("token", doctor.Finding{
			Severity: doctor.Unchecked, What: "GitHub was not asked: " + err.Error(), Whose: "configuration", Do: "mend the file of github_ca",
		}))
		return
	}
	d.GitHub = client
}

// client talks to GitHub. Every credential that it sends there is hidden.
func (d *diagnosis) client(base string, credential github.Credential) (*github.Client, error) {
	client, err := github.HTTPClient(20*time.Second, d.authorities)
	if err != nil {
		return nil, err
	}
	hidden := d.secrets
	return github.NewWatched(base, credential, client, time.Now, func(sent string) { hidden.Add(sent) }), nil
}

// webhookSecret is where the secret of the webhook is, which only doctor needs to know.
var webhookSecret = part{deployment.OutputWebhookSecret, deployment.EnvWebhookSecret}

func (c *cloud) secret(id string) *secrets.Secret {
	return &secrets.Secret{SecretsManager: secretsmanager.NewFromConfig(c.config), ID: id, Now: time.Now}
}

// denied reports whether AWS does not allow something to this user, which says nothing of the
// fleet.
func denied(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && strings.HasPrefix(refused.ErrorCode(), "AccessDenied")
}

// ofStack looks at how the last deployment ended, and of which release it is.
func ofStack(s stack.Stack) doctor.Result {
	var findings []doctor.Finding
	if !s.Settled() {
		f := doctor.Finding{
			Severity: doctor.Warning, What: "the stack is " + s.Status + ": what runs may be of the deployment before", Whose: "operator",
			Do: "look at its events, and deploy again", Command: "aws cloudformation describe-stack-events --stack-name " + s.Name,
		}
		switch {
		case strings.HasSuffix(s.Status, "_FAILED"):
			f.Severity = doctor.Error
		case strings.HasSuffix(s.Status, "_IN_PROGRESS"):
			f.What, f.Do, f.Command = "the stack is "+s.Status, "wait until that is over", ""
		}
		findings = append(findings, f)
	}
	var missing []string
	for _, key := range deployment.Outputs {
		either := key == deployment.OutputGitHubPAT || key == deployment.OutputGitHubApps // a fleet has one of them at least
		if s.Output(key) == "" && !either {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		findings = append(findings, doctor.Finding{
			Severity: doctor.Warning, What: "the stack has no output " + strings.Join(missing, ", ") + ": it is of an earlier release than this command", Whose: "operator",
			Do: "deploy it again with this release", Command: "npx cdk deploy",
		})
	}
	if findings != nil {
		return doctor.Found(findings...)
	}
	return doctor.Healthy("%s since %s", s.Status, s.UpdatedAt.UTC().Format("2006-01-02 15:04 UTC"))
}

// queues are those that are empty while all goes well.
func (c *cloud) queues(fleetName string) (all []doctor.Queue) {
	client := sqs.NewFromConfig(c.config)
	tail := func(function string) string {
		return fmt.Sprintf("aws logs tail %s --since 1h --region %s", deployment.FunctionLogGroup(fleetName, function), c.config.Region)
	}
	for _, q := range []struct {
		output string
		doctor.Queue
	}{
		{deployment.OutputLostEvents, doctor.Queue{Severity: doctor.Error, Has: "events were given up: nothing could handle them", Whose: "fleet",
			Do: "the log of dispatch says why; jobs that they were about are found by the sweep. Purge the queue when you have looked", Command: tail("dispatch")}},
		{deployment.OutputFailedEvents, doctor.Queue{Severity: doctor.Warning, Has: "events could not be handled, and the sweep handles them again", Whose: "fleet",
			Do: "if they stay, the log of dispatch says why", Command: tail("dispatch")}},
		{deployment.OutputMissedSweeps, doctor.Queue{Severity: doctor.Warning, Has: "minutes of the last day had no sweep", Whose: "fleet",
			Do: "nothing if the sweep runs again; else its log says why", Command: tail("sweep")}},
	} {
		url := c.stack.Output(q.output)
		if url == "" {
			continue // which the check of the stack says
		}
		q.Name = url[strings.LastIndex(url, "/")+1:]
		q.Depth = func(ctx context.Context) (int, error) { return queue.Depth(ctx, client, url) }
		all = append(all, q.Queue)
	}
	return all
}

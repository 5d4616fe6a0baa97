package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/loopback"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/setup"
)

// settingUp is how a fleet is set up.
type settingUp struct {
	examined
	listen         string
	limit          time.Duration
	asApp, asToken bool
	given          string // the flags, with a space before each
	wait           func(context.Context, time.Duration) error
	talk           io.Writer
	pages          *setup.Pages // nil until a person has to open one
	hidden         *doctor.Secrets
	stopPages      func()
}

func newSetup() *cobra.Command {
	u := settingUp{wait: wait}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Set up GitHub for a fleet: its App or webhook, and a ping that arrives",
		Long: `Set up GitHub for a fleet, step by step, until ` + "`ecsrunner doctor`" + ` has nothing to mend.

Without a token the fleet acts as a GitHub App. The command prints a link to a page on
this machine; from there you make the App on GitHub with two clicks. Its key is stored
where the configuration says, or in the secret <fleet_name>/github-app-key on AWS and in
github-app.pem in the data directory; github_app is added to fleet.yaml. Nothing secret
is printed. With a token (github_pat) it makes or corrects the webhook of each
repository, or of github_org.

Then it waits for the installation and for the base image, has GitHub deliver a ping,
waits for the fleet's answer, and prints what doctor says. Exit status 0 means that all
is right.

Run it again whenever it was stopped, or says so: it looks at what is there, and never
makes a second App while the first one's key is stored. It asks nothing on the terminal
and opens no browser. On another machine than the browser's, choose a port by --listen
and open the link through a tunnel: ssh -L 8765:127.0.0.1:8765 machine`,
		Example: `  ecsrunner setup --stack ecsrunner-fleet --config fleet.yaml
  ecsrunner setup --data-dir /var/lib/ecsrunner --webhook-url https://ci.example.com/webhook
  ecsrunner setup --stack ecsrunner-fleet --listen 127.0.0.1:8765`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u.talk, u.given = cmd.ErrOrStderr(), given(cmd.Flags())
			return u.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	u.source.placeFlags(cmd)
	cmd.Annotations["environment"] += environment(configVar, patVar, secretVar)["environment"]
	cmd.Flags().StringVar(&u.config, "config", "", "configuration, to which github_app is added (default $"+configVar+", else fleet.yaml)")
	cmd.Flags().StringVar(&u.webhookURL, "webhook-url", "", "where GitHub reaches a fleet on this machine, through a tunnel or proxy")
	cmd.Flags().StringSliceVar(&u.skip, "skip", nil, "names of doctor's checks to leave out at the end")
	cmd.Flags().BoolVar(&u.verbose, "verbose", false, "list every check of doctor with its result")
	cmd.Flags().StringVar(&u.listen, "listen", "127.0.0.1:0", "address of the page on this machine; port 0 is a free one")
	cmd.Flags().DurationVar(&u.limit, "wait", 30*time.Minute, "how long to wait for a person, and for the base image")
	cmd.Flags().BoolVar(&u.asApp, "app", false, "make a GitHub App although there is a token")
	cmd.Flags().BoolVar(&u.asToken, "token", false, "use a token, and no GitHub App")
	return cmd
}

// site is a fleet that is set up, wherever it is.
type site struct {
	diagnosis
	base   string
	secret func(context.Context) (string, error) // of the webhook
	// credential is what the fleet shows to GitHub, hasApp says that it is of an App, and
	// hasToken that a token is stored.
	credential       github.Credential
	hasApp, hasToken bool
	key              setup.Secret // of an App that is made
	// restart is what makes the fleet act as an App that has just been made.
	restart    string
	published  published // images that the fleet did not build; nil is none
	secretMade bool      // of the webhook, just now
}

// published is a registry, as far as a set-up looks at it.
type published interface {
	Published(ctx context.Context, tag string) (digest string, ok bool, err error)
}

func (u *settingUp) run(ctx context.Context, out io.Writer) error {
	if u.asApp && u.asToken {
		return usagef("--app and --token contradict each other: use one of them")
	}
	if u.limit < 0 {
		return usagef("--wait %s is less than no time: name how long to wait, as 30m", u.limit)
	}
	if err := u.checkSkip(); err != nil {
		return err
	}
	where, err := u.place()
	if err != nil {
		return err
	}
	if where == inDirectory || u.webhookURL != "" {
		if err := checkWebhookURL(u.webhookURL); err != nil {
			return err
		}
	}
	u.hidden = &doctor.Secrets{}
	defer func() {
		if u.stopPages != nil {
			u.stopPages()
		}
	}()
	report, err := u.steps(ctx, where)
	if ctx.Err() != nil {
		err = errors.New("stopped: run this again to go on")
	}
	u.endPage(ctx, report, err)
	if err != nil {
		return err
	}
	if err := u.show(out, report); err != nil {
		return err
	}
	if !report.Healthy {
		return exitCode(exitFailure)
	}
	return nil
}

// endPage shows on the page how the set-up has ended, if there is a page.
func (u *settingUp) endPage(ctx context.Context, report doctor.Report, err error) {
	if u.pages == nil {
		return
	}
	next, isNext := errors.AsType[comesNext](err)
	if err != nil && !isNext {
		u.pages.Line(u.hidden.Hide(err.Error()))
	}
	u.pages.End(ctx, isNext || err == nil && report.Healthy, string(next))
}

// comesNext is what a person has to do before the set-up can go on: GitHub's side is done.
type comesNext string

func (n comesNext) Error() string { return "GitHub is set up. Next: " + string(n) }

func (u *settingUp) steps(ctx context.Context, where place) (doctor.Report, error) {
	switch where {
	case inDirectory:
		return u.here(ctx)
	case inTable:
		return doctor.Report{}, usagef("name the fleet by --stack: its outputs say where webhooks go and where secrets are")
	}
	return u.onAWS(ctx)
}

// say tells what a step came to, on the terminal and on the page.
func (u *settingUp) say(format string, args ...any) {
	line := readable.Plain(u.hidden.Hide(fmt.Sprintf(format, args...)))
	fmt.Fprintln(u.talk, line)
	if u.pages != nil && !strings.Contains(line, "?token=") {
		u.pages.Line(line)
	}
}

// connect sets up GitHub's side. made is an App that the fleet does not act as yet.
func (u *settingUp) connect(ctx context.Context, at site) (on setup.Setup, made, asApp bool, err error) {
	on = setup.Setup{Policy: at.Policy, WebhookURL: at.WebhookURL, WebhookSecret: at.secret, Say: u.say, Wait: u.wait, Limit: u.limit}
	if asApp, err = u.acts(at); err != nil {
		return on, false, asApp, err
	}
	if !asApp {
		client, err := at.client(at.base, at.credential)
		if err != nil {
			return on, false, false, err
		}
		on.GitHub = client
		return on, false, false, on.Webhooks(ctx)
	}
	fresh := false
	if !at.hasApp {
		if at.credential, fresh, err = u.newApp(ctx, at); err != nil {
			return on, false, true, err
		}
	}
	client, err := at.client(at.base, at.credential)
	if err != nil {
		return on, !at.hasApp, true, err
	}
	on.GitHub = client
	app, err := client.App(ctx)
	if err != nil {
		return on, !at.hasApp, true, fmt.Errorf("GitHub App: %w", err)
	}
	u.say("GitHub App: %s is there, and GitHub accepts its key", app.Slug)
	if err := on.AppWebhook(ctx, fresh); err != nil {
		return on, !at.hasApp, true, err
	}
	err = on.Installed(ctx, func(link string) {
		if u.pages != nil {
			u.pages.Install(link)
		}
	})
	if u.pages != nil {
		u.pages.Work()
	}
	return on, !at.hasApp, true, err
}

// acts reports whether the fleet is to act as an App, and not with a token.
func (u *settingUp) acts(at site) (asApp bool, err error) {
	asApp = u.asApp || !u.asToken && (at.hasApp || !at.hasToken)
	if asApp && !at.hasApp && at.Policy.Enterprise != "" {
		return asApp, usagef("no GitHub App is made for a fleet in an enterprise, since none may register runners there: store a classic token with the scopes repo, admin:repo_hook and %s as github_pat, and run this again with --token", github.RunnersScope)
	}
	return asApp, nil
}

// checkMaking refuses an App that could not be made, before anything is changed.
func (u *settingUp) checkMaking(ctx context.Context, at site) error {
	asApp, err := u.acts(at)
	if err != nil || !asApp || at.hasApp {
		return err
	}
	if id, _, err := setup.Kept(ctx, at.key); err != nil || id != "" {
		return err
	}
	door, err := loopback.Listen(ctx, u.listen)
	if err != nil {
		return usagef("--listen: %w", err)
	}
	return door.Close()
}

// again is the command that goes on.
func (u *settingUp) again() string { return "`ecsrunner setup" + u.given + "`" }

// newApp is the App that an earlier run has stored, or one that a person makes now.
func (u *settingUp) newApp(ctx context.Context, at site) (c github.Credential, fresh bool, err error) {
	id, key, err := setup.Kept(ctx, at.key)
	if err != nil {
		return nil, false, err
	}
	if id == "" {
		if key, err = u.make(ctx, at); err != nil {
			return nil, false, err
		}
		id, _ = setup.StoredApp(key)
		fresh = true
	}
	u.hidden.Add(key)
	if err := u.configure(id, at.key.Ref()); err != nil {
		return nil, fresh, err
	}
	apps := github.Apps{Organization: at.Policy.SharedPlace() != "", Now: time.Now, List: []github.App{{ID: id, Keys: knownKey(key)}}}
	return apps, fresh, nil
}

// make serves the page on which a person makes the App, and returns its key as it is stored.
func (u *settingUp) make(ctx context.Context, at site) (key string, err error) {
	door, err := loopback.Listen(ctx, u.listen)
	if err != nil {
		return "", usagef("--listen: %w", err)
	}
	u.pages = setup.NewPages(at.FleetName)
	door.SendsTo, door.Open = []string{strings.TrimSuffix(at.GitHubURL, "/")}, u.pages.Open()
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = door.Serve(serving, u.pages) // if it ends early, the wait for the person does
	}()
	u.stopPages = func() { stop(); <-served }
	client, err := github.HTTPClient(20*time.Second, at.authorities)
	if err != nil {
		return "", err
	}
	_, err = setup.NewApp{
		FleetName: at.FleetName, Policy: at.Policy, GitHubURL: at.GitHubURL, WebhookURL: at.WebhookURL, Door: door,
		Exchange: func(ctx context.Context, code string) (github.NewApp, error) {
			return github.ConvertManifest(ctx, at.base, client, code)
		},
		Secret: at.key, Say: u.say, Wait: u.wait, Limit: u.limit,
	}.Make(ctx, u.pages)
	if err != nil {
		return "", err
	}
	return at.key.Stored(ctx)
}

// knownKey is the key of an App that is not read again.
type knownKey string

func (k knownKey) Values(context.Context) ([]string, error) { return []string{string(k)}, nil }
func (knownKey) Refresh(context.Context) (bool, error)      { return false, nil }

// firstOf is the current one of a list of secrets.
func firstOf(read func(context.Context) ([]string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		values, err := read(ctx)
		if err != nil || len(values) == 0 {
			return "", err
		}
		return values[0], nil
	}
}

// pinged has GitHub deliver a ping.
func pinged(ctx context.Context, on setup.Setup, asApp bool) error {
	if asApp {
		return on.AppPing(ctx)
	}
	return on.Pings(ctx)
}

// isMissing reports whether a secret is not there yet.
func isMissing(err error) bool { return fleet.IsNamed(err, fleet.SecretMissing) }

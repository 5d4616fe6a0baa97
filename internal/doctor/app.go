package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// app is the GitHub App that the fleet acts as, whose webhook delivers for all repositories.
type app struct {
	*Setup
	known once[ofApp]
}

type ofApp struct {
	info github.AppInfo
	hook github.HookConfig
}

func (a *app) look(ctx context.Context) (ofApp, error) {
	return a.known.get(ctx, func(ctx context.Context) (ofApp, error) {
		info, err := a.GitHub.App(ctx)
		if err != nil {
			return ofApp{}, err
		}
		hook, err := a.GitHub.AppHook(ctx)
		return ofApp{info, hook}, err
	})
}

// webhook looks at the App's webhook. delivers is false if it does not deliver to the fleet,
// or if there is no App: then a repository's own may.
func (a *app) webhook(ctx context.Context) (result Result, delivers bool) {
	if !a.Policy.GitHubApp {
		return Result{}, false
	}
	got, err := a.look(ctx)
	if err != nil {
		return a.unchecked(err, a.whose(), "look at the App's webhook in its settings"), false
	}
	settings := "in the settings of the App " + got.info.Slug + ", at " + a.page("/settings/apps/"+got.info.Slug) + " or its organisation's"
	hub := hub{Setup: a.Setup}
	if len(hub.ours([]github.Hook{{Config: got.hook}})) == 0 {
		what := "neither the App's webhook nor one of the repository delivers to the fleet"
		if a.WebhookURL != "" {
			what += " at " + a.WebhookURL
		}
		return Found(Finding{Severity: Error, What: what, Whose: "webhook", Do: "set its address and the fleet's secret " + settings}), false
	}
	var findings []Finding
	add := func(severity Severity, what, do string) {
		findings = append(findings, Finding{Severity: severity, What: "the App's webhook " + what, Whose: "webhook", Do: do + " " + settings})
	}
	if !slices.Contains(got.info.Events, jobEvent) {
		add(Error, "does not have the event Workflow job, so that the fleet hears of no job", "choose the event")
	}
	if got.hook.ContentType != "json" && got.hook.ContentType != "form" {
		add(Error, fmt.Sprintf("has the content type %q, which the fleet answers with 415", got.hook.ContentType), "let it send JSON")
	}
	if got.hook.Secret == "" {
		add(Error, "has no secret, so that the fleet refuses all it sends with 401", "give it the fleet's")
	}
	if got.hook.InsecureSSL {
		add(Warning, "does not verify the fleet's certificate", "have it verified")
	}
	if findings != nil {
		return Found(findings...), true
	}
	return Healthy("the App's webhook delivers %s to %s", jobEvent, bare(got.hook.URL)), true
}

// failed says why a delivery of the App's webhook was not accepted. Its settings are changed
// on a page: no command does so with a user's token.
func (a *app) failed(ctx context.Context, d github.Delivery) Finding {
	got, _ := a.look(ctx)
	hub := hub{Setup: a.Setup}
	f := hub.failed(github.Hook{Config: got.hook}, d)
	if f.Command != "" {
		f.Command = ""
		f.Do += " in the App's settings"
	}
	return f
}

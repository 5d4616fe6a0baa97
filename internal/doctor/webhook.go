package doctor

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// webhookPath is where a fleet takes webhooks.
const webhookPath = "/webhook"

// mostDeliveries is how many deliveries are looked at, the newest first.
const mostDeliveries = 30

// The event without which the fleet hears of no job.
const jobEvent = "workflow_job"

// all lists the webhooks of the repository or organization, once.
func (h *hub) all(ctx context.Context) ([]github.Hook, error) {
	return h.hooks.get(ctx, func(ctx context.Context) (hooks []github.Hook, err error) {
		for hook, err := range h.GitHub.Hooks(ctx, h.place()) {
			if err != nil {
				return nil, err
			}
			hooks = append(hooks, hook)
		}
		return hooks, nil
	})
}

// ours are the webhooks that deliver to the fleet. Where its address is not known, as behind
// a tunnel, they are those whose path is a fleet's.
func (h *hub) ours(hooks []github.Hook) (ours []github.Hook) {
	for _, hook := range hooks {
		if h.WebhookURL != "" && SameAddress(hook.Config.URL, h.WebhookURL) || h.WebhookURL == "" && isWebhookPath(hook.Config.URL) {
			ours = append(ours, hook)
		}
	}
	return ours
}

// SameAddress reports whether two addresses of webhooks lead to the same place.
func SameAddress(a, b string) bool {
	u, errA := url.Parse(a)
	v, errB := url.Parse(b)
	return errA == nil && errB == nil && strings.EqualFold(u.Scheme, v.Scheme) && strings.EqualFold(u.Host, v.Host) &&
		strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(v.Path, "/")
}

func isWebhookPath(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), webhookPath)
}

// bare is an address without what may be a secret in it.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// webhook looks at whether the repository has a webhook that reaches the fleet, and how it
// is set.
func (h *hub) webhook(ctx context.Context) Result {
	if by, ok := h.visible(ctx); !ok {
		return Skip(by)
	}
	if result, delivers := h.app.webhook(ctx); delivers {
		return result
	}
	h = h.hooked(ctx)
	hooks, err := h.all(ctx)
	switch {
	case err != nil && h.Policy.GitHubApp, len(h.ours(hooks)) == 0 && h.Policy.GitHubApp:
		result, _ := h.app.webhook(ctx)
		return result
	case mayNot(err):
		return Found(Finding{
			Severity: Unchecked, What: "the token may not read webhooks, so that lost deliveries are not asked for again either", Whose: "token",
			Do: "give it Webhooks: read and write (a classic one: " + h.hooksScope() + ") at " + h.page("/settings/personal-access-tokens") +
				", or look at " + h.hooksPage() + " yourself and leave this check out by --skip webhook",
		})
	case err != nil:
		return Found(h.unanswered(err, "Webhooks: read"))
	}
	ours := h.ours(hooks)
	if len(ours) == 0 {
		return Found(h.missing(ctx, hooks))
	}
	return h.judge(ours)
}

// hooked is the organization, if one of its webhooks delivers to the fleet, else the
// repository itself.
func (h *hub) hooked(ctx context.Context) *hub {
	if org := h.first.org; org != nil {
		if hooks, err := org.all(ctx); err == nil && len(org.ours(hooks)) > 0 {
			return org
		}
	}
	return h
}

// judge says what is wrong with the webhooks that deliver to the fleet: of several, with the
// best one.
func (h *hub) judge(ours []github.Hook) Result {
	var findings []Finding
	if len(ours) > 1 && h.WebhookURL != "" {
		findings = append(findings, Finding{
			Severity: Warning, What: fmt.Sprintf("%d webhooks deliver to the fleet, so that it hears all twice", len(ours)), Whose: "webhook",
			Do: "delete one of them", Command: h.gh(fmt.Sprintf("/hooks/%d", ours[len(ours)-1].ID), "-X", "DELETE"),
		})
	}
	var problems []Finding
	for i, hook := range ours {
		wrong := h.settings(hook)
		if i == 0 || len(wrong) < len(problems) {
			problems = wrong
		}
	}
	if findings = append(findings, problems...); len(findings) > 0 {
		return Found(findings...)
	}
	return Healthy("webhook %d delivers %s to %s", ours[0].ID, jobEvent, bare(ours[0].Config.URL))
}

// missing is that no webhook delivers to the fleet, as far as the token may see them.
func (h *hub) missing(ctx context.Context, hooks []github.Hook) Finding {
	missing := h.noWebhook(hooks)
	if h.first.org == nil {
		return missing
	}
	if _, err := h.first.org.all(ctx); err == nil {
		missing.What = strings.Replace(missing.What, "of the repository", "of the repository or its organization", 1)
		return missing
	}
	missing.Severity, missing.What = Unchecked, missing.What+"; whether one of the organization does, the token may not see"
	missing.Do = "look at " + h.page("/organizations/"+url.PathEscape(h.Policy.Organization)+"/settings/hooks") + ", and leave this check out by --skip webhook if one is there; else " + missing.Do
	return missing
}

func (h *hub) noWebhook(hooks []github.Hook) Finding {
	f := Finding{Severity: Error, What: "no webhook of the " + h.owned() + " delivers to the fleet", Whose: "webhook", Do: "make one"}
	target := h.WebhookURL
	if target == "" {
		target = "https://<where GitHub reaches this fleet>" + webhookPath
	} else {
		f.What += " at " + target
	}
	f.Command = h.gh("/hooks", "-X", "POST", "-f", "name=web", "-F", "active=true", "-f", "'events[]="+jobEvent+"'", "-f", "'config[url]="+target+"'",
		"-f", "'config[content_type]=json'", "-f", `"config[secret]=`+h.ReadSecret+`"`)
	for _, hook := range hooks {
		if h.WebhookURL != "" && isWebhookPath(hook.Config.URL) {
			f.What += fmt.Sprintf("; webhook %d delivers to %s: is that of an earlier deployment?", hook.ID, bare(hook.Config.URL))
			f.Do = "make one, or give that one the new address"
			break
		}
	}
	return f
}

// settings is what is wrong with the settings of a webhook.
func (h *hub) settings(hook github.Hook) (wrong []Finding) {
	add := func(severity Severity, what, do, path string, words ...string) {
		wrong = append(wrong, Finding{
			Severity: severity, What: fmt.Sprintf("webhook %d %s", hook.ID, what), Whose: "webhook", Do: do,
			Command: h.gh(fmt.Sprintf("/hooks/%d%s", hook.ID, path), append([]string{"-X", "PATCH"}, words...)...),
		})
	}
	if !hook.Active {
		add(Error, "is not active: GitHub sends nothing", "activate it", "", "-F", "active=true")
	}
	if !slices.Contains(hook.Events, jobEvent) && !slices.Contains(hook.Events, "*") {
		add(Error, "does not have the event Workflow jobs, so that the fleet hears of no job", "add the event", "", "-f", "'add_events[]="+jobEvent+"'")
	}
	if hook.Config.ContentType != "json" && hook.Config.ContentType != "form" {
		add(Error, "has the content type "+fmt.Sprintf("%q", hook.Config.ContentType)+", which the fleet answers with 415", "let it send JSON", "/config", "-f", "content_type=json")
	}
	if hook.Config.Secret == "" {
		add(Error, "has no secret, so that the fleet refuses all it sends with 401", "give it the fleet's", "/config", "-f", `"secret=`+h.ReadSecret+`"`)
	}
	if hook.Config.InsecureSSL {
		add(Warning, "does not verify the fleet's certificate", "have it verified", "/config", "-f", "insecure_ssl=0")
	}
	return wrong
}

// deliveries looks at how the fleet answered what the webhook delivered last.
func (h *hub) deliveries(ctx context.Context) Result {
	if by, ok := h.visible(ctx); !ok {
		return Skip(by)
	}
	if _, delivers := h.app.webhook(ctx); delivers {
		return h.judged(h.GitHub.AppHookDeliveries(ctx), func(d github.Delivery) Finding { return h.app.failed(ctx, d) }, "the App's webhook")
	}
	h = h.hooked(ctx)
	hooks, err := h.all(ctx)
	ours := h.ours(hooks)
	if err != nil || len(ours) == 0 {
		return Skip("webhook")
	}
	failed := func(d github.Delivery) Finding { return h.failed(ours[0], d) }
	return h.judged(h.GitHub.HookDeliveries(ctx, h.place(), ours[0].ID), failed, fmt.Sprintf("webhook %d", ours[0].ID))
}

// judged is what follows from the deliveries of a webhook, the newest first.
func (h *hub) judged(deliveries iter.Seq2[github.Delivery, error], why func(github.Delivery) Finding, webhook string) Result {
	var last []github.Delivery
	for d, err := range deliveries {
		if err != nil {
			return Found(h.unanswered(err, "Webhooks: read"))
		}
		if last = append(last, d); len(last) == mostDeliveries {
			break
		}
	}
	if len(last) == 0 {
		return Healthy("%s has delivered nothing for three days", webhook)
	}
	failed := unrepaired(last)
	switch {
	case len(failed) == 0:
		return Healthy("the last %d deliveries were accepted, the newest at %s", len(last), minute(last[0].DeliveredAt))
	case !last[0].OK():
		f := why(last[0])
		f.What = fmt.Sprintf("%s: %d of the last %d deliveries failed, the newest at %s", f.What, len(failed), len(last), minute(last[0].DeliveredAt))
		return Found(f)
	}
	f := why(failed[0])
	f.Severity = Warning
	f.What = fmt.Sprintf("%s, at %s: %d of the last %d deliveries failed, and later ones were accepted", f.What, minute(failed[0].DeliveredAt), len(failed), len(last))
	return Found(f)
}

// unrepaired are the deliveries that failed and did not succeed when they were repeated.
func unrepaired(last []github.Delivery) (failed []github.Delivery) {
	good := map[string]bool{}
	for _, d := range last {
		if d.OK() {
			good[d.GUID] = true
		}
	}
	for _, d := range last {
		if !d.OK() && !good[d.GUID] {
			failed = append(failed, d)
		}
	}
	return failed
}

// failed says why a delivery was not accepted.
func (h *hub) failed(hook github.Hook, d github.Delivery) Finding {
	f := Finding{Severity: Error, Whose: "webhook"}
	answered := fmt.Sprintf("the fleet answers the webhook with %d", d.StatusCode)
	switch code := d.StatusCode; {
	case code == http.StatusUnauthorized:
		f.What, f.Do = answered+": it is signed with another secret", "give the webhook the fleet's secret"
		f.Command = h.gh(fmt.Sprintf("/hooks/%d/config", hook.ID), "-X", "PATCH", "-f", `"secret=`+h.ReadSecret+`"`)
	case code == http.StatusForbidden:
		f.What, f.Whose = answered+": it does not serve the repository", "configuration"
		f.Do = "what runs has another github_repo than this: deploy, or start the fleet again"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code >= 300 && code < 400:
		f.What = fmt.Sprintf("%s answers the webhook with %d: nothing takes webhooks there", bare(hook.Config.URL), code)
		f.Do = "give the webhook the fleet's address, which ends in " + webhookPath
		if h.WebhookURL != "" {
			f.Command = h.gh(fmt.Sprintf("/hooks/%d/config", hook.ID), "-X", "PATCH", "-f", "'url="+h.WebhookURL+"'")
		}
	case code == http.StatusUnsupportedMediaType:
		f.What, f.Do = answered+": its content type is not application/json", "let it send JSON"
		f.Command = h.gh(fmt.Sprintf("/hooks/%d/config", hook.ID), "-X", "PATCH", "-f", "content_type=json")
	case code == http.StatusTooManyRequests:
		f.What, f.Whose = answered+": too many came at once", "AWS"
		f.Do = "nothing if it was once: the sweep asks for them again"
	case code == 0, code == http.StatusBadGateway, code == http.StatusGatewayTimeout:
		f.What = fmt.Sprintf("GitHub does not reach the fleet at %s (%s)", bare(hook.Config.URL), d.Status)
		f.Whose, f.Do = "network", "does the fleet run, and does the address lead to it from the internet, through DNS, tunnel, proxy and certificate?"
	case code >= 500:
		f.What, f.Whose = answered+": it failed", "fleet"
		f.Do = "the log of the webhook's function, or of the process, says why"
	default:
		f.What, f.Do = answered, "the answer's body says why: look at the webhook's Recent Deliveries on GitHub"
	}
	return f
}

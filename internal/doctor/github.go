package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

const (
	// clockMayDiffer is how far this machine's clock may be from GitHub's.
	clockMayDiffer = 30 * time.Second
	// tokenEndsSoon is how long before its end a token is to be replaced.
	tokenEndsSoon = 14 * 24 * time.Hour
)

// shown is what GitHub shows of a repository, and what it said of the token.
type shown struct {
	info github.RepositoryInfo
	seen github.Seen
}

// hub is one repository on GitHub, and what several checks ask of it.
type hub struct {
	*Setup
	app   *app
	repo  github.Repository
	first *hub // the first repository of the same owner, whose check of the token counts
	org   *hub // of the first: the organization that runners are registered in, whose webhooks count too; nil with an App
	isOrg bool
	shown once[shown]
	hooks once[[]github.Hook]
}

// place is where the webhooks are.
func (h *hub) place() github.Place {
	if h.isOrg {
		return github.Organization(h.repo.Owner)
	}
	return h.repo
}

// ofGitHub are the checks of the token, and of each repository.
func (s *Setup) ofGitHub() (checks []Check) {
	owners, a := map[string]*hub{}, &app{Setup: s}
	if s.Policy.WholeOrganization() {
		checks = s.ofOrganization(a)
	}
	for _, name := range s.Policy.Repositories {
		owner, repo, _ := strings.Cut(name, "/")
		h := &hub{Setup: s, app: a, repo: github.Repository{Owner: owner, Name: repo}}
		if h.first = owners[strings.ToLower(owner)]; h.first == nil {
			h.first, owners[strings.ToLower(owner)] = h, h
			if s.Policy.SharedPlace() != "" && !s.Policy.GitHubApp {
				h.org = &hub{Setup: s, app: a, repo: h.repo, first: h, isOrg: true}
			}
			checks = append(checks, Check{Name: "token", About: owner, Run: h.token})
			if len(owners) == 1 {
				checks = append(checks, Check{Name: "clock", Run: h.clock})
			}
		}
		for _, c := range []Check{
			{Name: "repository", Needs: "Metadata: read", Run: h.repository},
			{Name: "administration", Needs: h.registrationNeeds(), Run: h.administration},
			{Name: "actions", Needs: "Actions: read", Run: h.actions},
			{Name: "webhook", Needs: "Webhooks: read", Run: h.webhook},
			{Name: "deliveries", Needs: "Webhooks: read", Run: h.deliveries},
		} {
			c.About = name
			checks = append(checks, c)
		}
		checks = append(checks, h.ofFeatures()...)
	}
	if s.WebhookSecrets != nil {
		checks = append(checks, Check{Name: "webhook_secret", Run: s.webhookSecret})
	}
	return checks
}

// look asks GitHub for the repository, once.
func (h *hub) look(ctx context.Context) (shown, error) {
	return h.shown.get(ctx, func(ctx context.Context) (shown, error) {
		if h.isOrganization() {
			return h.lookAtOrganization(ctx)
		}
		ctx, seen := github.Watching(ctx)
		info, err := h.GitHub.GetRepository(ctx, h.repo)
		return shown{info, seen()}, err
	})
}

// tokenWorks reports whether GitHub accepts the token at all. If it does not, the check of
// the token says so.
func (h *hub) tokenWorks(ctx context.Context) bool {
	_, err := h.first.look(ctx)
	return err == nil || fleet.IsNamed(err, github.NotFound) || fleet.IsNamed(err, github.NoAccess)
}

// visible reports whether GitHub shows the repository. If it does not, the check of the
// repository says so, or that of the token.
func (h *hub) visible(ctx context.Context) (by string, ok bool) {
	if !h.tokenWorks(ctx) {
		return "token", false
	}
	if h.isOrganization() {
		return "", true
	}
	_, err := h.look(ctx)
	return "repository", err == nil
}

// token looks at whether GitHub accepts the token, and for how much longer.
func (h *hub) token(ctx context.Context) Result {
	got, err := h.look(ctx)
	if err != nil && !h.tokenWorks(ctx) {
		return Found(h.refused(err))
	}
	now, end := h.Now(), got.seen.TokenExpires
	switch {
	case h.Policy.GitHubApp:
		return Healthy("GitHub accepts the App's key")
	case end.IsZero():
		return Healthy("GitHub accepts it, and does not say that it expires")
	case end.Sub(now) <= tokenEndsSoon:
		left := "has expired"
		if end.After(now) {
			left = "expires in " + inDays(end.Sub(now))
		}
		return Found(Finding{
			Severity: Warning, What: fmt.Sprintf("the GitHub token %s, at %s", left, minute(end)), Whose: "token",
			Do: "make a new one at " + h.page("/settings/personal-access-tokens") + " and store it; no deployment is needed", Command: h.StoreToken,
		})
	}
	return Healthy("GitHub accepts it until %s", minute(end))
}

// refused says why GitHub gave no answer to the token.
func (h *hub) refused(err error) Finding {
	f := Finding{Severity: Error, What: h.explained(err), Whose: h.whose()}
	switch {
	case h.denied(err):
		f.Severity, f.Whose, f.Do = Unchecked, "operator", "use credentials that may read the secret of github_pat: the fleet itself may be healthy"
	case fleet.IsNamed(err, github.Unauthorized):
		if failed := new(github.Error); errors.As(err, &failed) && failed.StatusCode != 0 {
			f.What = "GitHub does not accept the token: " + f.What
		}
		f.Do, f.Command = h.renew()
	case fleet.IsNamed(err, fleet.SecretMissing):
		if f.Do, f.Command = "store the GitHub token", h.StoreToken; h.Policy.GitHubApp {
			f.Do, f.Command = h.renew()
		}
	case fleet.IsNamed(err, github.Untrusted):
		f.Whose = "configuration"
		f.Do = "name the file with the certificate of the server's own authority as github_ca in fleet.yaml, or give the server one of a public authority"
	case fleet.IsNamed(err, github.RateLimited):
		f.Severity, f.Whose, f.Do = Unchecked, "GitHub", "try again when the limit is over; what else uses the token?"
	case fleet.IsNamed(err, github.Unavailable), errors.Is(err, context.DeadlineExceeded):
		f.What = "GitHub does not answer at " + h.GitHubURL + ": " + f.What
		f.Whose, f.Do = "GitHub", "compare github_url, and look at the network, at proxies, and at https://www.githubstatus.com"
	case isGitHub(err):
		f.Whose, f.Do = "configuration", "compare github_url: is that GitHub, or a server of yours?"
	case h.Policy.GitHubApp:
		f.Do = "store the App's private key where private_key of github_app says"
	default:
		f.Do, f.Command = "store the GitHub token where github_pat says", h.StoreToken
	}
	return f
}

func isGitHub(err error) bool {
	var failed *github.Error
	return errors.As(err, &failed)
}

// whose business what GitHub thinks of the credential is.
func (s *Setup) whose() string {
	if s.Policy.GitHubApp {
		return "GitHub App"
	}
	return "token"
}

// renew is what to do about a credential that GitHub does not accept.
func (s *Setup) renew() (do, command string) {
	if s.Policy.GitHubApp {
		return "make a private key in the App's settings, and store it where private_key of github_app says; no deployment is needed", ""
	}
	return "make a new one at " + s.page("/settings/personal-access-tokens") + " and store it; no deployment is needed", s.StoreToken
}

// grant is what to do about a permission that the credential lacks.
func (s *Setup) grant(permission string) string {
	if s.Policy.GitHubApp {
		return "add it in the App's settings, under Permissions, and have the owner of each installation accept it"
	}
	return "add it to the token at " + s.page("/settings/personal-access-tokens") + " (a classic one needs the scope " + permission + ")"
}

// clock compares this machine's clock with GitHub's.
func (h *hub) clock(ctx context.Context) Result {
	got, err := h.look(ctx)
	if got.seen.Date.IsZero() {
		if err != nil {
			return Skip("token")
		}
		return Healthy("GitHub's answer has no time")
	}
	// Date has whole seconds, and was set between the request and the answer.
	off := got.seen.At.Sub(got.seen.Date)
	if off > 0 {
		off = max(0, off-got.seen.Took-time.Second)
	}
	if off.Abs() <= clockMayDiffer {
		return Healthy("this machine's clock is GitHub's within %s", clockMayDiffer)
	}
	direction := "ahead of"
	if off < 0 {
		direction = "behind"
	}
	return Found(Finding{
		Severity: Warning, What: fmt.Sprintf("this machine's clock is %s %s GitHub's", off.Abs().Round(time.Second), direction), Whose: "machine",
		Do: "have it set by NTP: times in records are wrong, and signatures are refused", Command: "timedatectl set-ntp true",
	})
}

// repository looks at whether the repository is there, is the one that is meant, and may
// be served.
func (h *hub) repository(ctx context.Context) Result {
	if !h.tokenWorks(ctx) {
		return Skip("token")
	}
	got, err := h.look(ctx)
	switch {
	case h.Policy.GitHubApp && mayNot(err):
		return Found(Finding{
			Severity: Error, What: "GitHub shows the App no such repository: " + h.explained(err), Whose: h.whose(),
			Do: "is github_repo spelled right? Then let the App's installation have the repository",
		})
	case mayNot(err):
		return Found(Finding{
			Severity: Error, What: "GitHub shows the token no such repository", Whose: h.whose(),
			Do: "is github_repo spelled right? Then give the token access to the repository, at " + h.page("/settings/personal-access-tokens") + "; the owner of an organisation may have to approve it",
		})
	case err != nil:
		return Found(h.unanswered(err, "Metadata: read"))
	}
	info := got.info
	var findings []Finding
	if !fleet.SameRepository(info.FullName, h.repo.String()) {
		findings = append(findings, Finding{
			Severity: Warning, What: "it is called " + info.FullName + " now", Whose: "configuration",
			Do: "write that in github_repo and deploy: another repository may take the former name",
		})
	}
	switch {
	case info.Archived, info.Disabled:
		findings = append(findings, Finding{
			Severity: Warning, What: "it is archived or disabled on GitHub, and has no jobs", Whose: "configuration", Do: "leave it out of github_repo",
		})
	case !info.Private && !h.Policy.AllowPublic:
		findings = append(findings, Finding{
			Severity: Error, What: "it is public, and the fleet refuses all jobs of public repositories", Whose: "configuration",
			Do: "read docs/security.md, then set allow_public_repositories: true, or leave it out of github_repo",
		})
	}
	if findings != nil {
		return Found(findings...)
	}
	kind := "private"
	if !info.Private {
		kind = "public, which allow_public_repositories allows"
	}
	return Healthy("it is there, and %s", kind)
}

// administration looks at whether the token may list runners, as far as that shows whether
// it may register them: only a registration would show that for sure.
func (h *hub) administration(ctx context.Context) Result {
	if by, ok := h.visible(ctx); !ok {
		return Skip(by)
	}
	if h.Policy.SharedPlace() != "" {
		return h.sharedRunners(ctx)
	}
	switch err := h.GitHub.MayListRunners(ctx, h.repo); {
	case mayNot(err):
		return Found(h.lacks("Administration: read and write", "no runner can be registered"))
	case err != nil:
		return Found(h.unanswered(err, "Administration: read"))
	}
	got, _ := h.look(ctx)
	if got.seen.HasScopes {
		return h.classic(got)
	}
	return Healthy("the token may list runners; that it may register them, only a runner shows")
}

// classic looks at what a classic token's scopes and user allow.
func (h *hub) classic(got shown) Result {
	need := []string{"repo"}
	if !got.info.Private {
		need = append(need, "public_repo")
	}
	switch {
	case !slices.ContainsFunc(need, func(scope string) bool { return slices.Contains(got.seen.Scopes, scope) }):
		return Found(h.lacks("the scope repo", "no runner can be registered"))
	case got.info.Permissions != nil && !got.info.Permissions.Admin:
		return Found(Finding{
			Severity: Error, What: "the token's user does not administrate the repository, so no runner can be registered", Whose: "token",
			Do: "give that user the role Admin in " + h.repositoryPage("/settings/access") + ", or use the token of one who has it",
		})
	}
	return Healthy("the token is a classic one with the scope repo, of a user who administrates the repository")
}

// actions looks at whether the token may read jobs.
func (h *hub) actions(ctx context.Context) Result {
	if by, ok := h.visible(ctx); !ok {
		return Skip(by)
	}
	switch err := h.GitHub.MayListRuns(ctx, h.repo); {
	case mayNot(err):
		return Found(h.lacks("Actions: read", "jobs cannot be asked for, and lost webhooks not be found"))
	case err != nil:
		return Found(h.unanswered(err, "Actions: read"))
	}
	return Healthy("the token may read workflow runs")
}

// mayNot reports whether GitHub refused something about a repository that it shows.
func mayNot(err error) bool {
	return fleet.IsNamed(err, github.NoAccess) || fleet.IsNamed(err, github.NotFound)
}

func (h *hub) lacks(permission, so string) Finding {
	return Finding{
		Severity: Error, What: "the " + h.whose() + " lacks " + permission + ", so " + so, Whose: h.whose(), Do: h.grant("repo"),
	}
}

// unanswered is GitHub's failure to answer one question.
func (h *hub) unanswered(err error, needs string) Finding {
	return Finding{Severity: Unchecked, What: h.explained(err), Whose: "GitHub", Do: "try again; it needs " + needs}
}

// webhookSecret looks at whether there is a secret to sign webhooks with.
func (s *Setup) webhookSecret(ctx context.Context) Result {
	values, err := s.WebhookSecrets(ctx)
	switch {
	case s.denied(err):
		return s.unchecked(err, "operator", "use credentials that may read the secret of webhook_secret")
	case err != nil:
		return Found(Finding{
			Severity: Error, What: s.explained(err), Whose: "configuration",
			Do: "store the secret that GitHub signs webhooks with where webhook_secret says",
		})
	case len(values) > 1:
		return Healthy("there are two, while one is replaced")
	}
	return Healthy("there is one")
}

// page is a page of the GitHub that the fleet uses.
func (s *Setup) page(path string) string {
	base := strings.TrimSuffix(s.GitHubURL, "/")
	if base == "" {
		base = "https://github.com"
	}
	return base + path
}

func (h *hub) repositoryPage(path string) string { return h.page("/" + h.repo.String() + path) }

// gh is a command of GitHub's own command line about the repository or organization.
func (h *hub) gh(path string, words ...string) string {
	parts := []string{"gh api"}
	if u, err := url.Parse(h.page("")); err == nil && u.Host != "github.com" {
		parts = append(parts, "--hostname", u.Host)
	}
	at := "repos/" + h.repo.String()
	if h.isOrganization() {
		at = "orgs/" + h.Policy.Organization
	}
	return strings.Join(append(parts, append(words, at+path)...), " ")
}

func minute(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// inDays is a time to come, in words.
func inDays(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case d < time.Hour:
		return "less than an hour"
	case days < 2:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", days)
	}
}

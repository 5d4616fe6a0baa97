package simgithub

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tokenLasts is how long the token of an installation is good.
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
const tokenLasts = time.Hour

// addOrganization makes an organization of the repositories of an owner. It is a repository
// without a name of its own, as far as runners and webhooks go.
func (g *GitHub) addOrganization(name string) {
	org := &repository{id: g.newID(), name: name + "/", created: g.k.Now(), hook: hook{id: g.newID()}, isOrganization: true, groups: []*runnerGroup{{id: defaultGroup, name: "Default"}}}
	for _, group := range g.cfg.RunnerGroups {
		g.addRunnerGroup(org, group)
	}
	g.organizations = append(g.organizations, org)
	for _, repo := range g.repositories {
		if strings.EqualFold(repo.owner(), name) {
			repo.organization = org
			org.members = append(org.members, repo)
		}
	}
}

// hookOf is the webhook of a repository's jobs: its own, or that of its organization.
func (repo *repository) hookOf() *hook {
	if repo.organization != nil {
		return &repo.organization.hook
	}
	return &repo.hook
}

// pool are the runners that may get a repository's jobs.
func (repo *repository) pool() []*runner {
	if repo.organization == nil {
		return repo.runners
	}
	all := slices.Clone(repo.runners)
	for _, r := range repo.organization.runners {
		if repo.mayUse(r) {
			all = append(all, r)
		}
	}
	return all
}

// listRepositories lists the repositories of an organization, by name or by the last push.
// https://docs.github.com/rest/repos/repos#list-organization-repositories
func (g *GitHub) listRepositories(q *request) answer {
	all := slices.Clone(q.repo.members)
	if q.value("sort") == "pushed" {
		slices.SortStableFunc(all, func(a, b *repository) int { return b.pushed.Compare(a.pushed) })
	} else {
		slices.SortFunc(all, func(a, b *repository) int { return cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	}
	w := &writer{}
	w.open('[')
	link := g.writeRepositories(w, q, all)
	w.close(']')
	a := ok(w)
	a.link = link
	return a
}

// listInstalled lists the repositories that the installation was given: all.
// https://docs.github.com/rest/apps/installations#list-repositories-accessible-to-the-app-installation
func (g *GitHub) listInstalled(q *request) answer {
	all := g.organizations[0].members
	w := &writer{}
	w.open('{').number("total_count", int64(len(all))).text("repository_selection", "all").key("repositories").open('[')
	link := g.writeRepositories(w, q, all)
	w.close(']').close('}')
	a := ok(w)
	a.link = link
	return a
}

func (g *GitHub) writeRepositories(w *writer, q *request, all []*repository) (link string) {
	shown := q.pages()
	for i, repo := range all {
		if !shown.has(i) {
			continue
		}
		w.open('{').number("id", repo.id).text("full_name", repo.name).boolean("private", repo.private).boolean("archived", false).
			boolean("disabled", false).time("pushed_at", repo.pushed).close('}')
	}
	return shown.link(q, len(all))
}

// getInstallation finds the App's installation.
func (g *GitHub) getInstallation(q *request) answer {
	if !g.cfg.App {
		return notFound()
	}
	w := &writer{}
	w.open('{').number("id", g.installation).close('}')
	return ok(w)
}

// postInstallationToken gives the installation one more token, which lasts for an hour.
func (g *GitHub) postInstallationToken(q *request) answer {
	if q.first != g.installation {
		return notFound()
	}
	token, end := "ghs_"+g.randomHex("github.token", 18), g.k.Now().Add(tokenLasts)
	g.byToken[token] = g.credentials[0]
	g.expires[token] = end
	w := &writer{}
	w.open('{').text("token", token).time("expires_at", end).close('}')
	return answer{status: http.StatusCreated, body: w.b}
}

// findApp finds out what the App asks about itself. Its requests are counted for no
// installation.
func (r *route) findApp(req *http.Request, path string) {
	parts := strings.Split(path, "/")
	switch method := req.Method; {
	case len(parts) == 3 && parts[0] == "installations" && parts[2] == "access_tokens" && method == http.MethodPost:
		r.operation, r.answer, r.first = "github.installation_token", (*GitHub).postInstallationToken, number(parts[1])
	case path == "hook/deliveries" && method == http.MethodGet:
		r.operation, r.answer = "github.app_deliveries", (*GitHub).listDeliveries
	case len(parts) == 4 && parts[1] == "deliveries" && parts[3] == "attempts" && method == http.MethodPost:
		r.operation, r.answer, r.second = "github.app_redeliver", (*GitHub).postAttempt, number(parts[2])
	}
}

// organizationAddress is address for an organization's lists.
func (q *request) organizationAddress() string {
	switch {
	case q.ofApp:
		return "/app/" + q.rest
	case q.rest == "installation/repositories":
		return "/" + q.rest
	}
	return "/organizations/" + strconv.FormatInt(q.repo.id, 10) + "/" + q.rest
}

// findOrganization sets the organization of a request that is not about a repository.
func (g *GitHub) findOrganization(q *request) answer {
	switch {
	case q.ofApp && q.by != g.app:
		return refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	case q.ofApp && q.operation == "github.installation":
		return answer{}
	case q.ofApp || q.installed:
		q.repo = g.organizations[0]
		return answer{}
	}
	for _, org := range g.organizations {
		if org.id == q.id || strings.EqualFold(org.name, q.organization+"/") {
			q.repo = org
			return answer{}
		}
	}
	return notFound()
}

package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// getRepository shows the one repository, with what the token's user may do in it.
func (s *Server) getRepository(http.ResponseWriter, *http.Request) (int, any) {
	shown := s.repo.json(s.cfg.URL, s.cfg.Private)
	maps.Copy(shown, map[string]any{
		"archived": s.cfg.Archived, "network_count": 0, "subscribers_count": 0,
		"permissions": map[string]bool{"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
	})
	return http.StatusOK, shown
}

// listRepositories shows the one repository of the organization.
func (s *Server) listRepositories(w http.ResponseWriter, r *http.Request) (int, any) {
	shown := s.repo.json(s.cfg.URL, s.cfg.Private)
	shown["archived"] = s.cfg.Archived
	return http.StatusOK, page(w, r, []any{shown})
}

// listInstalled shows what the installation was given: that repository.
func (s *Server) listInstalled(w http.ResponseWriter, r *http.Request) (int, any) {
	if s.app == nil {
		return refuse(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	shown := s.repo.json(s.cfg.URL, s.cfg.Private)
	shown["archived"] = s.cfg.Archived
	delete(shown, "custom_properties")
	return http.StatusOK, map[string]any{"total_count": 1, "repository_selection": "selected", "repositories": page(w, r, []any{shown})}
}

// moved leads from the former name of the repository to the one that it has now. GitHub leads
// to its id.
func (s *Server) moved(w http.ResponseWriter, r *http.Request) (int, any) {
	former, now := "/repos/"+r.PathValue("owner")+"/"+r.PathValue("repo"), "/repos/"+s.cfg.Repository
	to := scheme(r) + "://" + r.Host + strings.Replace(r.RequestURI, former, now, 1)
	w.Header().Set("Location", to)
	return http.StatusMovedPermanently, map[string]string{
		"message": "Moved Permanently", "url": to, "documentation_url": docsURL,
	}
}

// describeToken sets the headers about the credential.
// https://github.blog/changelog/2021-07-26-expiration-options-for-personal-access-tokens/
func (s *Server) describeToken(h http.Header) {
	if !s.cfg.TokenExpires.IsZero() {
		h.Set("GitHub-Authentication-Token-Expiration", s.cfg.TokenExpires.UTC().Format("2006-01-02 15:04:05 MST"))
	}
	if s.cfg.Scopes != nil {
		h.Set("X-OAuth-Scopes", strings.Join(s.cfg.Scopes, ", "))
	}
}

// permit refuses what the personal access token may not do, with the words that GitHub has
// for a fine-grained one; a classic one without a scope does not find the thing.
func (s *Server) permit(w http.ResponseWriter, r *http.Request) (int, any) {
	if r.PathValue("enterprise") != "" {
		return s.permitEnterprise()
	}
	if r.PathValue("owner") == "" {
		return 0, nil
	}
	scope := "repo"
	if ofOrganization(r) {
		scope = "admin:org"
	}
	name, level := permissionFor(r)
	if name == "" {
		w.Header().Set("X-Accepted-GitHub-Permissions", "metadata=read")
		return 0, nil
	}
	w.Header().Set("X-Accepted-GitHub-Permissions", name+"="+level)
	switch {
	case s.cfg.Scopes != nil && !slices.Contains(s.cfg.Scopes, scope):
		return notFound()
	case s.cfg.Permissions != nil && !covers(s.cfg.Permissions[name], level):
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	return 0, nil
}

// permitEnterprise refuses every token of the enterprise's runners but a classic one with the
// scope: GitHub has no permission of a fine-grained one for them.
// https://docs.github.com/enterprise-cloud@latest/rest/actions/self-hosted-runners
func (s *Server) permitEnterprise() (int, any) {
	switch {
	case s.cfg.Scopes != nil && !slices.Contains(s.cfg.Scopes, "manage_runners:enterprise"):
		return notFound()
	case s.cfg.Permissions != nil:
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	return 0, nil
}

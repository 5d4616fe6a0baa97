package sim

import (
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// App is a GitHub App that is installed for the owner of the simulated repository. Its
// webhook takes the place of the repository's.
type App struct {
	Name        string // "" is fleet
	ID          int64
	ClientID    string
	Keys        []*rsa.PublicKey  // that GitHub knows, any number
	Permissions map[string]string // what its owner has granted: actions → read
	// ShortTokens gives tokens of 40 characters, as GitHub did until 2026.
	ShortTokens bool
	// TokenLasts is how long a token lasts; 0 is an hour.
	TokenLasts time.Duration
}

// How long GitHub lets an App's own token last, and how far clocks may differ.
const (
	mostJWT    = 10 * time.Minute
	tokenLasts = time.Hour
)

// installedApp is an App with its installation.
type installedApp struct {
	App
	id        int64
	suspended bool
	removed   bool
	tokens    map[string]installationToken
	made      int // tokens that were asked for
}

type installationToken struct {
	expires     time.Time
	permissions map[string]string
	installed   int64 // the installation that it is of
}

func (a *installedApp) name() string { return cmp.Or(a.Name, "fleet") }

// slug is the App's name in addresses.
func (a *installedApp) slug() string { return strings.ReplaceAll(strings.ToLower(a.name()), " ", "-") }

func (a *installedApp) installations() int {
	if a.removed {
		return 0
	}
	return 1
}

func newInstalledApp(app App, id int64) *installedApp {
	if app.TokenLasts == 0 {
		app.TokenLasts = tokenLasts
	}
	return &installedApp{App: app, id: id, tokens: map[string]installationToken{}}
}

// InstallationID is the id of the App's installation.
func (s *Server) InstallationID() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app.id
}

// Suspend suspends the installation, or takes that back.
func (s *Server) Suspend(suspended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.suspended = suspended
}

// Uninstall ends the installation, with its tokens.
func (s *Server) Uninstall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.removed = true
	s.app.tokens = map[string]installationToken{}
}

// Install installs the App again, under another id.
func (s *Server) Install() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.id, s.app.removed = s.newID(), false
}

// RevokeTokens makes all tokens of the installation invalid.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.tokens = map[string]installationToken{}
}

// SetAppKeys replaces the keys that GitHub knows of the App.
func (s *Server) SetAppKeys(keys ...*rsa.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.Keys = keys
}

// TokensMade is how many tokens the installation has given.
func (s *Server) TokensMade() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app.made
}

// isOfApp reports whether a request needs the App's own token.
func isOfApp(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, "/api/v3")
	return path == "/app" || strings.HasPrefix(path, "/app/") || strings.HasSuffix(path, "/installation")
}

// admitJWT checks the token that an App has made with its key.
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
func (a *installedApp) admitJWT(given string, now time.Time) (int, any) {
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	verified := slices.ContainsFunc(a.Keys, func(key *rsa.PublicKey) bool {
		_, err := parser.ParseWithClaims(given, &claims, func(*jwt.Token) (any, error) { return key, nil })
		return err == nil
	})
	switch {
	case !verified:
		return refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	case claims.Issuer != a.ClientID && claims.Issuer != strconv.FormatInt(a.ID, 10):
		return refuse(http.StatusUnauthorized, "'Issuer' claim ('iss') must be an Integer or the client id of the App")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now):
		return refuse(http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case claims.ExpiresAt == nil || !claims.ExpiresAt.After(now):
		return refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.ExpiresAt.After(now.Add(mostJWT)):
		return refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	}
	return 0, nil
}

func (a *installedApp) issued(given string) bool { return strings.HasPrefix(given, "ghs_") }

// admitToken checks the token of an installation and what it may do.
func (a *installedApp) admitToken(given string, r *http.Request, now time.Time) (int, any) {
	token, ok := a.tokens[given]
	switch {
	case !ok || !now.Before(token.expires) || a.removed || token.installed != a.id:
		return refuse(http.StatusUnauthorized, "Bad credentials")
	case a.suspended:
		return refuse(http.StatusForbidden, "This installation has been suspended")
	}
	if r.PathValue("enterprise") != "" {
		return refuse(http.StatusForbidden, "Resource not accessible by integration")
	}
	permission, level := permissionFor(r)
	if permission != "" && !covers(token.permissions[permission], level) {
		return refuse(http.StatusForbidden, "Resource not accessible by integration")
	}
	return 0, nil
}

// permissionFor is the permission that a request of a repository needs.
// https://docs.github.com/rest/authentication/permissions-required-for-github-apps
func permissionFor(r *http.Request) (permission, level string) {
	level = "write"
	if r.Method == http.MethodGet {
		level = "read"
	}
	path := r.URL.Path
	switch {
	case strings.Contains(path, "/actions/runner") && ofOrganization(r):
		return "organization_self_hosted_runners", level
	case strings.Contains(path, "/actions/runners"):
		return "administration", level
	case strings.Contains(path, "/actions/"):
		return "actions", level
	case strings.Contains(path, "/hooks") && ofOrganization(r):
		return "organization_hooks", level
	case strings.Contains(path, "/hooks"):
		return "repository_hooks", level
	case strings.Contains(path, "/statuses/"):
		return "statuses", level
	case strings.HasSuffix(path, "/check-runs"):
		return "checks", level
	}
	return "", ""
}

func covers(has, needs string) bool {
	return has == needs || has == "write" && needs == "read" || has == "admin"
}

func (s *Server) getApp(http.ResponseWriter, *http.Request) (int, any) {
	return http.StatusOK, map[string]any{
		"id": s.app.ID, "client_id": s.app.ClientID, "slug": s.app.slug(), "node_id": "simulated", "name": s.app.name(), "description": nil,
		"owner": s.repo.user(s.cfg.URL), "external_url": s.cfg.URL, "html_url": s.cfg.URL + "/apps/" + s.app.slug(),
		"created_at": stamp(s.repo.created), "updated_at": stamp(s.repo.created),
		"permissions": s.app.Permissions, "events": s.cfg.Hook.events(), "installations_count": s.app.installations(),
	}
}

// getAppHook shows the App's webhook, which takes the place of the repository's.
func (s *Server) getAppHook(http.ResponseWriter, *http.Request) (int, any) {
	return http.StatusOK, s.hookConfig()
}

func (s *Server) getInstallation(_ http.ResponseWriter, r *http.Request) (int, any) {
	if s.app.removed || !strings.EqualFold(r.PathValue("owner"), s.repo.owner) {
		return notFound()
	}
	var suspended any
	if s.app.suspended {
		suspended = stamp(s.now())
	}
	api := fmt.Sprintf("%s/app/installations/%d", s.cfg.URL, s.app.id)
	return http.StatusOK, map[string]any{
		"id": s.app.id, "app_id": s.app.ID, "app_slug": s.app.slug(), "target_id": s.repo.ownerID, "target_type": "Organization",
		"account": s.repo.user(s.cfg.URL), "repository_selection": "all", "permissions": s.app.Permissions, "events": []string{"workflow_job"},
		"access_tokens_url": api + "/access_tokens", "repositories_url": s.cfg.URL + "/installation/repositories", "html_url": s.cfg.URL + "/settings/installations",
		"single_file_name": nil, "created_at": stamp(s.repo.created), "updated_at": stamp(s.repo.created),
		"suspended_at": suspended, "suspended_by": nil,
	}
}

func (s *Server) postInstallationToken(_ http.ResponseWriter, r *http.Request) (int, any) {
	if s.app.removed || pathID(r, "installation_id") != s.app.id {
		return notFound()
	}
	if s.app.suspended {
		return refuse(http.StatusForbidden, "This installation has been suspended")
	}
	var wanted struct {
		Repositories []string          `json:"repositories"`
		Permissions  map[string]string `json:"permissions"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil && r.ContentLength > 0 {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	granted := maps.Clone(s.app.Permissions)
	if len(wanted.Permissions) > 0 {
		granted = wanted.Permissions
	}
	for permission, level := range granted {
		if !covers(s.app.Permissions[permission], level) {
			return unprocessable("The permissions requested are not granted to this installation.")
		}
	}
	for _, name := range wanted.Repositories {
		if !strings.EqualFold(name, s.repo.name) {
			return unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
	}
	value := "ghs_" + s.secret()[:36]
	if !s.app.ShortTokens {
		value = fmt.Sprintf("ghs_%d_%s", s.app.ID, strings.Repeat(s.secret(), 12))[:520]
	}
	expires := s.now().Add(s.app.TokenLasts)
	s.app.tokens[value] = installationToken{expires: expires, permissions: granted, installed: s.app.id}
	s.app.made++
	answer := map[string]any{"token": value, "expires_at": stamp(expires), "permissions": granted, "repository_selection": "all"}
	if len(wanted.Repositories) > 0 {
		answer["repository_selection"] = "selected"
	}
	return http.StatusCreated, answer
}

package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// codeLasts is how long the code of a new App is good.
// https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
const codeLasts = time.Hour

// mostAppName is the length of an App's name.
const mostAppName = 34

// manifest is what GitHub reads of an App's description.
type manifest struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Hook *struct {
		URL    string `json:"url"`
		Active *bool  `json:"active"`
	} `json:"hook_attributes"`
	RedirectURL string            `json:"redirect_url"`
	Public      bool              `json:"public"`
	Permissions map[string]string `json:"default_permissions"`
	Events      []string          `json:"default_events"`
}

// newApp is an App that waits for its code to be exchanged.
type newApp struct {
	code    string // "" if it was
	expires time.Time
}

// invalid says what keeps GitHub from making an App, "" for nothing. name is what its owner
// has made of the manifest's.
func (m manifest) invalid(name string) string {
	redirect, err := url.Parse(m.RedirectURL)
	switch {
	case name == "" || utf8.RuneCountInString(name) > mostAppName:
		return fmt.Sprintf("Name is missing or longer than %d characters", mostAppName)
	case m.URL == "":
		return "Error \"url\" wasn't supplied."
	case err != nil || redirect.Host == "":
		return "Error \"redirect_url\" must be a valid URL."
	case m.Hook == nil || m.Hook.URL == "":
		return "Error Hook url cannot be blank"
	}
	return ""
}

// newAppRoutes serves the pages on which people make an App of a manifest, and install it.
func (s *Server) newAppRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /settings/apps/new", s.showManifest)
	mux.HandleFunc("POST /organizations/{owner}/settings/apps/new", s.showManifest)
	mux.HandleFunc("POST /settings/apps", s.makeApp)
	mux.HandleFunc("GET /apps/{slug}/installations/new", s.showInstallation)
	mux.HandleFunc("POST /apps/{slug}/installations", s.installApp)
}

var pages = template.Must(template.New("pages").Parse(`{{define "top"}}<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>simulated GitHub</title><p>This is a simulated GitHub.</p>{{end}}
{{define "manifest"}}{{template "top"}}<h1>Create GitHub App for {{.Owner}}</h1>
<form method="post" action="/settings/apps">
<p><label>GitHub App name <input name="name" value="{{.Name}}" maxlength="34"></label></p>
<input type="hidden" name="manifest" value="{{.Manifest}}"><input type="hidden" name="state" value="{{.State}}">
<button>Create GitHub App for {{.Owner}}</button></form></html>{{end}}
{{define "install"}}{{template "top"}}<h1>Install {{.Name}}</h1>
<form method="post" action="/apps/{{.Slug}}/installations"><button>Install on {{.Owner}}</button></form></html>{{end}}
{{define "says"}}{{template "top"}}<h1>{{.Says}}</h1></html>{{end}}`))

// showPage writes one of the pages.
func showPage(w http.ResponseWriter, status int, name string, values map[string]string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, values) // who reads it may be gone
}

func (s *Server) showManifest(w http.ResponseWriter, r *http.Request) {
	owner := r.PathValue("owner")
	switch {
	case owner != "" && !strings.EqualFold(owner, s.repo.owner):
		showPage(w, http.StatusNotFound, "says", map[string]string{"Says": "Page not found"})
		return
	case owner == "":
		owner = "@" + s.repo.owner
	}
	text := r.PostFormValue("manifest")
	var m manifest
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		showPage(w, http.StatusUnprocessableEntity, "says", map[string]string{"Says": "Invalid GitHub App configuration: the manifest is no JSON"})
		return
	}
	if why := m.invalid(m.Name); why != "" {
		showPage(w, http.StatusUnprocessableEntity, "says", map[string]string{"Says": "Invalid GitHub App configuration: " + why})
		return
	}
	showPage(w, http.StatusOK, "manifest", map[string]string{"Owner": owner, "Name": m.Name, "Manifest": text, "State": r.URL.Query().Get("state")})
}

// makeApp makes the App, pings its webhook, and leads back with a code.
func (s *Server) makeApp(w http.ResponseWriter, r *http.Request) {
	var m manifest
	err := json.Unmarshal([]byte(r.PostFormValue("manifest")), &m)
	name := r.PostFormValue("name")
	if why := m.invalid(name); err != nil || why != "" {
		showPage(w, http.StatusUnprocessableEntity, "says", map[string]string{"Says": why})
		return
	}
	s.mu.Lock()
	if s.app != nil || !s.cfg.NewApps {
		s.mu.Unlock()
		showPage(w, http.StatusUnprocessableEntity, "says", map[string]string{"Says": "Name is already taken"}) // the simulation has one
		return
	}
	permissions := map[string]string{"metadata": "read"}
	maps.Copy(permissions, m.Permissions)
	id := s.newID()
	s.app = newInstalledApp(App{Name: name, ID: id, ClientID: fmt.Sprintf("Iv23sim%d", id), Permissions: permissions}, 0)
	s.app.removed = true
	s.newApp = newApp{code: s.secret(), expires: s.now().Add(codeLasts)}
	s.cfg.WebhookURL, s.cfg.WebhookSecret = m.Hook.URL, s.secret()
	s.cfg.Hook = Hook{Inactive: m.Hook.Active != nil && !*m.Hook.Active, Events: m.Events}
	s.ping()
	back, _ := url.Parse(m.RedirectURL) // it was checked
	query := back.Query()
	query.Set("code", s.newApp.code)
	s.mu.Unlock()
	if state := r.PostFormValue("state"); state != "" {
		query.Set("state", state)
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// isOfManifest reports whether a request needs no credential but the code in it.
func isOfManifest(r *http.Request) bool {
	return strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/api/v3"), "/app-manifests/")
}

// postConversion shows the App with its secrets, once.
func (s *Server) postConversion(w http.ResponseWriter, r *http.Request) (int, any) {
	if code := r.PathValue("code"); s.newApp.code == "" || code != s.newApp.code || !s.now().Before(s.newApp.expires) {
		return notFound()
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return refuse(http.StatusInternalServerError, err.Error())
	}
	s.newApp.code = ""
	s.app.Keys = []*rsa.PublicKey{&key.PublicKey}
	_, shown := s.getApp(w, r)
	app := shown.(map[string]any)
	delete(app, "installations_count")
	app["pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	app["client_secret"], app["webhook_secret"] = s.secret(), s.cfg.WebhookSecret
	s.notify()
	return http.StatusCreated, app
}

func (s *Server) showInstallation(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	there, name := s.app != nil && s.app.slug() == r.PathValue("slug"), ""
	if there {
		name = s.app.name()
	}
	s.mu.Unlock()
	if !there {
		showPage(w, http.StatusNotFound, "says", map[string]string{"Says": "Page not found"})
		return
	}
	showPage(w, http.StatusOK, "install", map[string]string{"Name": name, "Slug": r.PathValue("slug"), "Owner": s.repo.owner})
}

// installApp installs the App for the owner.
func (s *Server) installApp(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.app == nil || s.app.slug() != r.PathValue("slug") {
		showPage(w, http.StatusNotFound, "says", map[string]string{"Says": "Page not found"})
		return
	}
	if s.app.removed {
		s.app.id, s.app.removed = s.newID(), false
		s.notify()
	}
	showPage(w, http.StatusOK, "says", map[string]string{"Says": "Okay, " + s.app.name() + " was installed on " + s.repo.owner + "."})
}

package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Manifest describes a GitHub App to GitHub, which makes it when its owner says so.
// https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
type Manifest struct {
	Name        string            `json:"name"` // the owner may change it; at most 34 characters
	URL         string            `json:"url"`  // the App's home page
	Hook        ManifestHook      `json:"hook_attributes"`
	RedirectURL string            `json:"redirect_url"` // where GitHub leads to with the code
	Description string            `json:"description"`
	Public      bool              `json:"public"` // others than its owner may install it
	Permissions map[string]string `json:"default_permissions"`
	Events      []string          `json:"default_events"`
}

// ManifestHook is the App's webhook.
type ManifestHook struct {
	URL    string `json:"url"`
	Active bool   `json:"active"`
}

// NewApp is a GitHub App that has just been made. Its key is shown this once.
type NewApp struct {
	ClientID      string `json:"client_id"`
	Slug          string `json:"slug"`
	HTMLURL       string `json:"html_url"`
	PrivateKey    string `json:"pem"`
	WebhookSecret string `json:"webhook_secret"`
}

// ConvertManifest exchanges the code that GitHub has led back with for the App. A code is
// good for an hour, and once: GitHub.NotFound means that it was used or is over. No error
// holds the code, which anyone could exchange.
func ConvertManifest(ctx context.Context, apiBase string, httpClient *http.Client, code string) (made NewApp, err error) {
	at := resource{path: "/app-manifests/" + url.PathEscape(code) + "/conversions"}
	hidden := resource{path: "/app-manifests/{code}/conversions"}
	_, err = New(apiBase, PAT(nil), httpClient).send(ctx, http.MethodPost, at, Token{}, nil, &made)
	if failed, ok := errors.AsType[*Error](err); ok {
		failed.Path = hidden.path
	}
	if err == nil && (made.ClientID == "" || made.PrivateKey == "") {
		err = incomplete(http.MethodPost, hidden)
	}
	return made, err
}

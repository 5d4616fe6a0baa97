package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
)

// hookBody is what a request says of a webhook.
type hookBody struct {
	Name         string      `json:"name"`
	Active       *bool       `json:"active"`
	Events       []string    `json:"events"`
	AddEvents    []string    `json:"add_events"`
	RemoveEvents []string    `json:"remove_events"`
	Config       *hookConfig `json:"config"`
}

type hookConfig struct {
	URL         string  `json:"url"`
	ContentType string  `json:"content_type"`
	Secret      *string `json:"secret"`
	InsecureSSL any     `json:"insecure_ssl"` // "1" or 1
}

// setHookConfig takes over what is given.
func (s *Server) setHookConfig(c hookConfig) {
	if c.URL != "" {
		s.cfg.WebhookURL = c.URL
	}
	if c.ContentType != "" {
		s.cfg.Hook.ContentType = c.ContentType
	}
	if c.Secret != nil {
		s.cfg.WebhookSecret = *c.Secret
	}
	if c.InsecureSSL != nil {
		s.cfg.Hook.InsecureSSL = c.InsecureSSL == "1" || c.InsecureSSL == 1.0
	}
}

// postHook makes the one webhook that there can be, of the repository or the organization.
// https://docs.github.com/rest/repos/webhooks#create-a-repository-webhook
func (s *Server) postHook(_ http.ResponseWriter, r *http.Request) (int, any) {
	body := hookBody{Events: []string{"push"}}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	switch {
	case body.Config == nil || body.Config.URL == "":
		return invalidHook("url cannot be blank")
	case s.cfg.WebhookURL != "" && s.app == nil:
		return invalidHook("Hook already exists on this repository") // the simulation has one
	}
	s.cfg.Hook = Hook{Inactive: body.Active != nil && !*body.Active, Events: body.Events, ContentType: "form"}
	s.cfg.WebhookSecret, s.hook.ofOrganization, s.hook.created = "", ofOrganization(r), s.now()
	s.setHookConfig(*body.Config)
	s.ping()
	return http.StatusCreated, s.hookJSON()
}

// patchHook changes the webhook. Where a configuration is given without a secret, there is
// none afterwards.
// https://docs.github.com/rest/repos/webhooks#update-a-repository-webhook
func (s *Server) patchHook(_ http.ResponseWriter, r *http.Request) (int, any) {
	if !s.isHook(r) {
		return notFound()
	}
	var body hookBody
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	if body.Active != nil {
		s.cfg.Hook.Inactive = !*body.Active
	}
	events := s.cfg.Hook.events()
	if body.Events != nil {
		events = body.Events
	}
	events = slices.DeleteFunc(append(slices.Clone(events), body.AddEvents...), func(e string) bool { return slices.Contains(body.RemoveEvents, e) })
	slices.Sort(events)
	s.cfg.Hook.Events = slices.Compact(events)
	if body.Config != nil {
		s.cfg.WebhookSecret = ""
		s.setHookConfig(*body.Config)
	}
	s.notify()
	return http.StatusOK, s.hookJSON()
}

// patchAppHook changes how the App's webhook delivers. What is not given stays.
// https://docs.github.com/rest/apps/webhooks#update-a-webhook-configuration-for-an-app
func (s *Server) patchAppHook(_ http.ResponseWriter, r *http.Request) (int, any) {
	var body hookConfig
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	s.setHookConfig(body)
	s.notify()
	return http.StatusOK, s.hookConfig()
}

func invalidHook(why string) (int, any) {
	code, body := refuse(http.StatusUnprocessableEntity, "Validation Failed")
	return code, map[string]any{
		"message": body["message"], "documentation_url": body["documentation_url"], "status": body["status"],
		"errors": []map[string]string{{"resource": "Hook", "code": "custom", "message": why}},
	}
}

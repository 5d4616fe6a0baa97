package config

import (
	"fmt"
	"regexp"
	"slices"
)

// appID is a client id, such as Iv23liAbCdEf0123456789, or an app id.
var appID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (c *Config) checkGitHubApps(r *review) {
	if len(c.GitHubApps) == 0 {
		if r.given("github_app") {
			r.add("github_app", "is an empty list; name an App with its id and private_key, or delete the key")
		}
		return
	}
	for i, app := range c.GitHubApps {
		at := appKey(r, i)
		switch {
		case app.ID == "":
			r.add(at+".id", "is missing; write the App's client id, which its settings on GitHub show, or delete github_app and let `ecsrunner setup` make an App")
		case !appID.MatchString(string(app.ID)):
			r.add(at+".id", "%s is no id of an App; write the client id or the app id, which its settings on GitHub show", quote(string(app.ID)))
		case slices.ContainsFunc(c.GitHubApps[:i], func(o GitHubApp) bool { return o.ID == app.ID }):
			r.add(at+".id", "%s is listed twice", quote(string(app.ID)))
		}
		if app.PrivateKey == "" {
			r.add(at+".private_key", "is missing; %s", howToStore)
		} else if err := app.PrivateKey.check(); err != nil {
			r.add(at+".private_key", "%s", err)
		}
		if app.PrivateKeyPrevious == "" {
			continue
		}
		if err := app.PrivateKeyPrevious.check(); err != nil {
			r.add(at+".private_key_previous", "%s", err)
		} else if app.PrivateKeyPrevious == app.PrivateKey {
			r.add(at+".private_key_previous", "is the same as private_key; delete it unless a key is being replaced")
		}
	}
}

// appKey is the key of an App, as the file has it: by itself, or in a list.
func appKey(r *review, i int) string {
	if key := indexed("github_app", i); r.given(key) {
		return key
	}
	return "github_app"
}

// Keys resolves private_key and, while it replaces one, private_key_previous; see
// SecretRef.Resolve.
func (a GitHubApp) Keys(getenv func(string) string, readFile func(string) ([]byte, error)) (values []string, err error) {
	for _, secret := range []struct {
		key string
		ref SecretRef
	}{{"private_key", a.PrivateKey}, {"private_key_previous", a.PrivateKeyPrevious}} {
		if secret.ref == "" {
			continue
		}
		value, err := secret.ref.Resolve(getenv, readFile)
		if err != nil {
			return nil, fmt.Errorf("github_app.%s: %w", secret.key, err)
		}
		values = append(values, value)
	}
	return values, nil
}

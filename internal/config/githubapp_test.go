package config

import (
	"slices"
	"strings"
	"testing"
)

func TestGitHubApp(t *testing.T) {
	const file = "github_repo: o/r\n"
	for name, c := range map[string]struct {
		yaml string
		ids  []AppID
		pat  SecretRef
		bad  string // of a problem
	}{
		"one, by itself":            {yaml: "github_app: {id: Iv23abc, private_key: env:KEY}", ids: []AppID{"Iv23abc"}},
		"an app id is a number":     {yaml: "github_app: {id: 12345, private_key: env:KEY}", ids: []AppID{"12345"}},
		"several":                   {yaml: "github_app: [{id: a, private_key: env:A}, {id: b, private_key: env:B}]", ids: []AppID{"a", "b"}},
		"a token beside it":         {yaml: "github_app: {id: a, private_key: env:A}\ngithub_pat: env:PAT", ids: []AppID{"a"}, pat: "env:PAT"},
		"none: the default token":   {yaml: "", pat: DefaultGitHubPAT},
		"an empty list":             {yaml: "github_app: []", bad: "github_app: is an empty list"},
		"no id":                     {yaml: "github_app: {private_key: env:A}", bad: "github_app.id: is missing"},
		"an id that is none":        {yaml: "github_app: {id: 'my app', private_key: env:A}", bad: "is no id of an App"},
		"no key":                    {yaml: "github_app: {id: a}", bad: "github_app.private_key: is missing"},
		"a key and no reference":    {yaml: "github_app: {id: a, private_key: '-----BEGIN RSA PRIVATE KEY-----'}", bad: "is not a reference to a secret"},
		"the same key twice":        {yaml: "github_app: {id: a, private_key: env:A, private_key_previous: env:A}", bad: "is the same as private_key"},
		"the same App twice":        {yaml: "github_app: [{id: a, private_key: env:A}, {id: a, private_key: env:B}]", bad: "github_app[1].id: \"a\" is listed twice"},
		"a key that does not exist": {yaml: "github_app: {app_id: 5, private_key: env:A}", bad: "is not a key of this configuration"},
		"text":                      {yaml: "github_app: Iv23abc", bad: "must be a mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(file+c.yaml), "fleet.yaml")
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) || strings.Contains(err.Error(), "BEGIN RSA") {
					t.Errorf("%v does not say %q", err, c.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids []AppID
			for _, app := range got.GitHubApps {
				ids = append(ids, app.ID)
			}
			if !slices.Equal(ids, c.ids) || got.GitHubPAT != c.pat || got.Policy().GitHubApp != (len(c.ids) > 0) {
				t.Errorf("%+v, token %q", got.GitHubApps, got.GitHubPAT)
			}
		})
	}
}

func TestGitHubAppOnAWS(t *testing.T) {
	for text, bad := range map[string]string{
		"github_app: {id: a, private_key: secretsmanager:a}":                                  "",
		"github_app: {id: a, private_key: env:A}":                                             "github_app.private_key: env:A cannot be read on AWS",
		"github_app: [{id: a, private_key: secretsmanager:a, private_key_previous: env:OLD}]": "github_app[0].private_key_previous: env:OLD cannot be read on AWS",
	} {
		_, err := Source{Data: []byte("github_repo: o/r\n" + text), File: "fleet.yaml", OnAWS: true}.Parse()
		if (err == nil) != (bad == "") || err != nil && !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

package config

import (
	"strings"
	"testing"
)

func TestOrganization(t *testing.T) {
	for text, bad := range map[string]string{
		"github_repo: octo/a\ngithub_org: octo":                            "",
		"github_repo: [octo/a, OCTO/b]\ngithub_org: octo\nrunner_group: f": "",
		"github_org: octo":                                          "",
		"github_org: octo\nrunner_group: f":                         "",
		"github_org: octo\ngithub_repo: []":                         "github_repo: ",
		"github_repo: octo/a\nrunner_group: fleet":                  "runner_group: is for runners of an organization",
		"github_repo: [octo/a, else/b]\ngithub_org: octo":           `github_repo[1]: "else/b" is not of octo`,
		"github_repo: else/b\ngithub_org: octo":                     `github_repo: "else/b" is not of octo`,
		"github_repo: octo/a\ngithub_org: https://github.com/octo":  "is not the name of an organization",
		"github_repo: octo/a\ngithub_org: ''":                       "github_org: is empty",
		"github_repo: octo/a\ngithub_org: octo\nrunner_group: ' f'": "is not the name of a runner group",
		"github_repo: octo/a\ngithub_org: octo\nrunner_group: ''":   "is not the name of a runner group",
	} {
		c, err := Parse([]byte(text), "fleet.yaml")
		switch {
		case bad != "" && (err == nil || !strings.Contains(err.Error(), bad)):
			t.Errorf("%s: %v does not say %q", text, err, bad)
		case bad == "" && (err != nil || c.Policy().Organization != "octo" || c.Policy().RunnerGroup != c.RunnerGroup):
			t.Errorf("%s: %v, %+v", text, err, c.Policy())
		}
	}
}

func TestEnterprise(t *testing.T) {
	const both = "github_repo: [octo/a, else/b]\ngithub_enterprise: corp\n"
	const app = "github_app: {id: Iv1.ours, private_key: 'env:KEY'}\n"
	for text, bad := range map[string]string{
		both:                                         "",
		both + "runner_group: f":                     "",
		both + app + "github_pat: env:PAT":           "",
		both + "github_org: octo":                    `github_enterprise: is "corp", and github_org is "octo": runners are registered in one place`,
		both + app:                                   "github_enterprise: needs github_pat beside github_app",
		both + "runner_group: ''":                    "is not the name of a runner group",
		"github_enterprise: corp":                    "github_enterprise: needs github_repo",
		"github_enterprise: corp\ngithub_repo: []":   "github_repo: ",
		"github_repo: octo/a\ngithub_enterprise: ''": "github_enterprise: is empty",
		"github_repo: octo/a\ngithub_enterprise: https://github.com/corp": "is not the name of an enterprise",
	} {
		c, err := Parse([]byte(text), "fleet.yaml")
		switch {
		case bad != "" && (err == nil || !strings.Contains(err.Error(), bad)):
			t.Errorf("%s: %v does not say %q", text, err, bad)
		case bad == "" && (err != nil || c.Policy().SharedPlace() != "/corp" || c.Policy().RunnerGroup != c.RunnerGroup || len(c.Policy().Repositories) != 2):
			t.Errorf("%s: %v, %+v", text, err, c.Policy())
		}
	}
}

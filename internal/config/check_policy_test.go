package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestPolicyIsRead(t *testing.T) {
	c, err := Parse([]byte(`github_repo: [Octo/app, acme/tools]
image_build_project: image-builds
policy:
  - name: no-forks
    fork: true
    refuse: Forks use ubuntu-latest.
  - name: deploy
    owner: Octo
    repository: [octo/app, tools]
    visibility: [private, internal]
    fork: false
    class: Large
    image: ghcr.io/Octo/*
    event: [push, "pull_request*"]
    branch: Release/*
    allow: true
    max_runners: 5
    on_demand_builds_per_day: 7
`), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Rule{
		{Name: "no-forks", Fork: new(true), Refuse: "Forks use ubuntu-latest."},
		{
			Name: "deploy", Owner: fleet.Patterns{"octo"}, Repository: fleet.Patterns{"octo/app", "tools"}, Visibility: fleet.Patterns{"private", "internal"},
			Fork: new(false), Class: fleet.Patterns{"large"}, Image: fleet.Patterns{"ghcr.io/octo/*"}, Event: fleet.Patterns{"push", "pull_request*"},
			Branch: fleet.Patterns{"Release/*"}, Allow: true, MaxRunners: 5, OnDemandBuilds: 7,
		},
	}
	if diff := cmp.Diff(want, c.Policy().Rules); diff != "" {
		t.Error(diff)
	}
	p := c.Policy()
	*p.Rules[1].Fork, p.Rules[1].Class[0] = true, "changed"
	if diff := cmp.Diff(want, c.Rules); diff != "" {
		t.Errorf("the policy shares its rules with the configuration:\n%s", diff)
	}
}

func TestPolicyProblems(t *testing.T) {
	const head = "github_repo: [octo/app, octo/site]\npolicy:\n" // rules begin in line 3
	refuse := ", refuse: no}\n"
	for name, c := range map[string]struct {
		text string
		key  string
		line int
		says string
	}{
		"text for rules":               {"github_repo: octo/app\npolicy: no forks", "policy", 2, "must be a list"},
		"text for a rule":              {head + "- no forks", "policy[0]", 3, "must be a mapping"},
		"a key like another":           {head + "- {name: a, repositories: octo/app" + refuse, "policy[0].repositories", 3, "did you mean repository?"},
		"a key that is another's":      {head + "- {name: a, limits: 5" + refuse, "policy[0].limits", 3, "is not a key of this configuration"},
		"a key in another line":        {head + "- name: a\n  forks: true\n  refuse: no", "policy[0].forks", 4, "did you mean fork?"},
		"a rule without a name":        {head + "- {fork: true" + refuse, "policy[0]", 3, "lacks a name"},
		"a name with spaces":           {head + "- {name: No Forks, fork: true" + refuse, "policy[0].name", 3, "is not a name for a rule"},
		"a name that is taken":         {head + "- {name: a, fork: true" + refuse + "- {name: a, class: large" + refuse, "policy[1].name", 4, "is the name of an earlier rule"},
		"a rule that says nothing":     {head + "- {name: a, fork: true}", "policy[0]", 3, "says nothing; add allow: true"},
		"a rule that says both":        {head + "- {name: a, fork: true, allow: true" + refuse, "policy[0]", 3, "has both allow and refuse"},
		"allow: false":                 {head + "- {name: a, fork: true, allow: false}", "policy[0].allow", 3, "write refuse:"},
		"a refusal without a sentence": {head + `- {name: a, fork: true, refuse: " "}`, "policy[0].refuse", 3, "is empty"},
		"refuse: true":                 {head + "- {name: a, fork: true, refuse: true}", "policy[0].refuse", 3, "must be text"},
		"a sentence of several lines":  {head + "- name: a\n  fork: true\n  refuse: |\n    no\n    forks", "policy[0].refuse", 5, "write it as one line"},
		"a sentence that is too long":  {head + "- {name: a, fork: true, refuse: " + strings.Repeat("o", 301) + "}", "policy[0].refuse", 3, "at most 300"},
		"a token in a sentence":        {head + "- {name: a, fork: true, refuse: ghp_0123456789abcdefghij0123456789abcdef}", "policy[0].refuse", 3, "token"},
		"text for fork":                {head + "- {name: a, fork: external" + refuse, "policy[0].fork", 3, "must be true or false"},
		"an empty list":                {head + "- {name: a, class: []" + refuse, "policy[0].class", 3, "is an empty list"},
		"an owner with a repository":   {head + "- {name: a, owner: octo/app" + refuse, "policy[0].owner", 3, "is not an owner"},
		"a repository as URL":          {head + `- {name: a, repository: "https://github.com/octo/app"` + refuse, "policy[0].repository", 3, "write owner/name"},
		"a visibility like another":    {head + "- {name: a, visibility: [private, internl]" + refuse, "policy[0].visibility[1]", 3, "did you mean internal?"},
		"public, which never comes":    {head + "- {name: a, visibility: public" + refuse, "policy[0].visibility", 3, "unless allow_public_repositories is true"},
		"a class that there is not":    {head + "- {name: a, class: lrge" + refuse, "policy[0].class", 3, "is not one of the classes large, medium, small; did you mean large?"},
		"an event with a dash":         {head + "- {name: a, event: pull-request" + refuse, "policy[0].event", 3, "did you mean pull_request?"},
		"an event that there is not":   {head + "- {name: a, event: [push, cron]" + refuse, "policy[0].event[1]", 3, "is not an event that starts workflows"},
		"a ref for a branch":           {head + "- {name: a, branch: refs/heads/main" + refuse, "policy[0].branch", 3, "write the branch or tag alone, as in main"},
		"a branch with a space":        {head + "- {name: a, branch: my branch" + refuse, "policy[0].branch", 3, "is not a branch"},
		"an image with its tag":        {head + "- {name: a, image: ['ghcr.io/octo/tools:1']" + refuse, "policy[0].image[0]", 3, "has a tag or digest"},
		"an image of Docker Hub":       {head + "- {name: a, image: node" + refuse, "policy[0].image", 3, "docker.io/library/node"},
		"an owner of Docker Hub":       {head + "- {name: a, image: acme/node" + refuse, "policy[0].image", 3, "docker.io/acme/node"},
		"Docker Hub without library":   {head + "- {name: a, image: docker.io/node" + refuse, "policy[0].image", 3, "docker.io/library/node"},
		"an image with a space":        {head + "- {name: a, image: my image" + refuse, "policy[0].image", 3, "is not an image"},
		"an image that none can name":  {head + "- {name: a, image: ghcr.io" + refuse, "policy[0].image", 3, "without image_build_project"},

		"a repository that is not the fleet's": {head + "- {name: a, repository: octo/ap" + refuse, "policy[0]", 3, "no repository of github_repo has this owner and repository; did you mean octo/app?"},
		"an owner that is not the fleet's":     {head + "- {name: a, owner: acme" + refuse, "policy[0]", 3, "never applies"},
		"an owner that has not the repository": {"github_repo: [octo/app, acme/site]\npolicy:\n- {name: a, owner: acme, repository: app" + refuse, "policy[0]", 3, "never applies"},
		"a rule behind one for all":            {head + "- {name: all, allow: true}\n- {name: a, fork: true" + refuse, "policy[1]", 4, `never applies: rule "all" before it decides about all such jobs`},
		"a rule behind the same":               {head + "- {name: b, class: [large, small], allow: true}\n- {name: a, class: large, fork: true" + refuse, "policy[1]", 4, `rule "b"`},
		"a rule behind a pattern":              {head + "- {name: b, repository: octo/*, allow: true}\n- {name: a, repository: octo/app" + refuse, "policy[1]", 4, `rule "b"`},
		"a share of a rule that refuses":       {head + "- {name: a, fork: true, max_runners: 5" + refuse, "policy[0].max_runners", 3, "belongs to a rule with allow: true"},
		"a share that is no number":            {head + "- {name: a, fork: true, allow: true, max_runners: few}", "policy[0].max_runners", 3, "must be a whole number"},
		"a share of nothing":                   {head + "- {name: a, fork: true, allow: true, max_runners: 0}", "policy[0].max_runners", 3, "is 0; use 1 to max_runners of the fleet (20)"},
		"a share of more than there is":        {"max_runners: 4\n" + head + "- {name: a, fork: true, allow: true, max_runners: 5}", "policy[0].max_runners", 4, "use 1 to max_runners of the fleet (4)"},
		"builds of a rule that refuses":        {"image_build_project: image-builds\n" + head + "- {name: a, fork: true, on_demand_builds_per_day: 5" + refuse, "policy[0].on_demand_builds_per_day", 4, "belongs to a rule with allow: true"},
		"no builds at all":                     {"image_build_project: image-builds\n" + head + "- {name: a, allow: true, on_demand_builds_per_day: -1}", "policy[0].on_demand_builds_per_day", 4, "is -1; use 1 to"},
		"builds of images that are not built":  {head + "- {name: a, allow: true, on_demand_builds_per_day: 5}", "policy[0].on_demand_builds_per_day", 3, "without image_build_project"},
		"a rule behind one for private":        {head + "- {name: b, visibility: private, fork: true, allow: true}\n- {name: a, visibility: internal, fork: true" + refuse, "policy[1]", 4, `rule "b"`},
		"all that are served are private":      {head + "- {name: b, visibility: private, allow: true}\n- {name: a, fork: true" + refuse, "policy[1]", 4, `rule "b"`},
		"every visibility":                     {"allow_public_repositories: true\n" + head + "- {name: b, visibility: [public, private], allow: true}\n- {name: a, fork: true" + refuse, "policy[1]", 5, `rule "b"`},
		"every class":                          {head + "- {name: b, class: [small, medium, large], allow: true}\n- {name: a, fork: true" + refuse, "policy[1]", 4, `rule "b"`},
		"every repository":                     {head + "- {name: b, owner: octo, allow: true}\n- {name: a, fork: true" + refuse, "policy[1]", 4, `rule "b"`},
		"a rule behind its registry":           {"image_build_project: image-builds\n" + head + "- {name: b, image: ghcr.io, allow: true}\n- {name: a, image: [ghcr.io/octo/*, ghcr.io]" + refuse, "policy[1]", 5, `rule "b"`},
		"a registry behind all of it":          {"image_build_project: image-builds\n" + head + "- {name: b, image: ghcr.io/*, allow: true}\n- {name: a, image: ghcr.io" + refuse, "policy[1]", 5, `rule "b"`},
		"a pattern without its registry":       {"image_build_project: image-builds\n" + head + "- {name: a, image: node*" + refuse, "policy[0].image", 4, "begins with its registry; an image of Docker Hub is docker.io/library/node*"},
		"an owner's pattern without it":        {"image_build_project: image-builds\n" + head + "- {name: a, image: ac*e/node" + refuse, "policy[0].image", 4, "docker.io/ac*e/node"},
		"a registry that is not allowed":       {"image_build_project: image-builds\n" + head + "- {name: a, image: gcr.io/octo/*" + refuse, "policy[0].image", 4, "allowed_registries has no image that is called so"},
		"a repository that is not allowed":     {"image_build_project: image-builds\nallowed_registries: [ghcr.io/octo/*]\n" + head + "- {name: a, image: ghcr.io/acme/*" + refuse, "policy[0].image", 5, "allowed_registries has no image"},
		"a repository like one of it":          {"github_org: octo\npolicy:\n- {name: a, repository: octoo/secrets" + refuse, "policy[0]", 3, "the fleet serves the repositories of octo"},
		"an owner that is not the whole":       {"github_org: octo\npolicy:\n- {name: a, owner: oct" + refuse, "policy[0]", 3, "did you mean octo?"},
		"a pattern with a tag":                 {"image_build_project: image-builds\n" + head + "- {name: a, image: '*node:22'" + refuse, "policy[0].image", 4, "has a tag, or a port"},
		"any image with a tag":                 {"image_build_project: image-builds\n" + head + "- {name: a, image: '*:22'" + refuse, "policy[0].image", 4, "has a tag, or a port"},
		"a number for a branch":                {head + "- {name: a, branch: 2024" + refuse, "policy[0].branch", 3, "must be text, not a number; write it in quotes"},
		"a version for a branch":               {head + "- {name: a, branch: [1.10]" + refuse, "policy[0].branch[0]", 3, "must be text, not a number with a fraction; write it in quotes"},
		"a truth for a branch":                 {head + "- {name: a, branch: true" + refuse, "policy[0].branch", 3, "must be text, not true or false; write it in quotes"},
		"a mapping for a branch":               {head + "- {name: a, branch: {main: 1}" + refuse, "policy[0].branch", 3, "must be a text or a list of them, not a mapping"},
		"too many rules":                       {head + strings.Repeat("- {name: a, fork: true"+refuse, 101), "policy", 2, "at most 100"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), "fleet.yaml")
			problems, ok := errors.AsType[*Problems](err)
			if !ok {
				t.Fatalf("accepted: %v", err)
			}
			for _, p := range problems.List {
				if p.Key == c.key && p.Line == c.line && strings.Contains(p.Message, c.says) {
					return
				}
			}
			t.Errorf("want line %d, %s: …%s…, got\n%v", c.line, c.key, c.says, err)
		})
	}
}

// What is right must not be taken for a rule that never applies.
func TestPolicyThatIsRight(t *testing.T) {
	for name, rules := range map[string]string{
		"another class":                   "- {name: a, class: large, allow: true}\n- {name: b, class: small, refuse: no}",
		"a class, then all":               "- {name: a, class: large, allow: true}\n- {name: b, refuse: no}",
		"forks, then others":              "- {name: a, fork: true, refuse: no}\n- {name: b, fork: false, allow: true}",
		"forks, then all of a repository": "- {name: a, fork: true, repository: octo/app, refuse: no}\n- {name: b, repository: octo/app, allow: true}",
		"a pattern of names":              "- {name: a, repository: \"o*p\", allow: true}\n- {name: b, repository: octo/app, refuse: no}",
		"a branch in another case":        "- {name: a, branch: main, allow: true}\n- {name: b, branch: Main, refuse: no}",
		"a pattern behind its part":       "- {name: a, branch: release/1, allow: true}\n- {name: b, branch: \"release/*\", refuse: no}",
		"internal, then private":          "- {name: a, visibility: internal, allow: true}\n- {name: b, visibility: private, refuse: no}",
		"a number in quotes":              "- {name: a, branch: \"2024\", allow: true}\n- {name: b, branch: [\"1.10\"], refuse: no}",
		"all classes but one":             "- {name: a, class: [large, small], allow: true}\n- {name: b, refuse: no}",
		"a repository, then its registry": "- {name: a, image: ghcr.io/octo/*, allow: true}\n- {name: b, image: ghcr.io, refuse: no}",
		"a registry, then others":         "- {name: a, image: ghcr.io, allow: true}\n- {name: b, image: \"*\", refuse: no}",
		"patterns of whole names":         "- {name: a, image: \"*/node\", allow: true}\n- {name: b, image: [\"*tools*\", \"docker*\", \"docker.io/node*\"], refuse: no}",
		"a fork's event":                  "- {name: a, event: \"pull_request*\", fork: true, refuse: no}\n- {name: b, event: pull_request, refuse: no}",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte("github_repo: [octo/app, octo/op]\nimage_build_project: image-builds\npolicy:\n"+rules), "fleet.yaml"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPolicyThatIsRightElsewhere(t *testing.T) {
	for name, text := range map[string]string{
		"rules of a whole organization": "github_org: octo\npolicy:\n- {name: a, owner: OC*, repository: [site, 'oct*/app', '*/x', Octo/y], refuse: no}",
		"a registry's port":             "github_repo: octo/app\nimage_build_project: image-builds\nallowed_registries: ['reg.corp.example:5000']\npolicy:\n- {name: a, image: ['*:5000', 'reg.corp.example:5000/*'], allow: true}",
	} {
		if _, err := Parse([]byte(text), "fleet.yaml"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A program that has its configuration in Go writes rules too.
func TestPolicyInGo(t *testing.T) {
	rules := []fleet.Rule{{Name: "no-forks", Fork: new(true), Class: fleet.Patterns{"large"}, Refuse: "no"}}
	source := Source{Overrides: Changes(func(c *Config) {
		c.Repositories, c.Rules = Repositories{"octo/app"}, rules
	}, "a program")}
	c, err := source.Parse()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rules, c.Rules); diff != "" {
		t.Error(diff)
	}
}

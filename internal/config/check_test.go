package config

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	const repo = "github_repo: o/r\n"
	tests := map[string]struct {
		file string
		key  string
		line int
		says string
	}{
		"an empty file":                 {"", "github_repo", 0, "is missing"},
		"comments only":                 {"# nothing\n", "github_repo", 0, "is missing"},
		"an empty list of repositories": {"github_repo: []", "github_repo", 1, "is missing"},
		"no YAML":                       {repo + "a: b: c", "", 2, "is not YAML"},
		"a tab for indentation":         {"limits:\n\tidle: 5m", "", 2, "is not YAML"},
		"a list at the top":             {"- a", "", 0, "must be a mapping of keys to values, not a list"},
		"two documents":                 {repo + "---\nfleet_name: a", "", 3, "second YAML document"},

		"an unknown key that is close to another": {repo + "max-runner: 5", "max-runner", 2, "did you mean max_runners?"},
		"an unknown key like no other":            {repo + "colour: red", "colour", 2, "is not a key of this configuration"},
		"a limit that is GitHub's":                {repo + "limits:\n  queue: 5h", "limits.queue", 3, "is not a key"},
		"an unknown key within":                   {repo + "limits:\n  ilde: 5m", "limits.ilde", 3, "did you mean idle?"},
		"an unknown key of a class":               {repo + "runner_class_sizes:\n  small: {cpus: 1, memory: 1024}", "runner_class_sizes.small.cpus", 3, "did you mean cpu?"},
		"a key that is no plain text":             {repo + "<<: {a: b}", "", 2, "has a key that is not plain text"},
		"a key given twice":                       {repo + "github_repo: o/s", "github_repo", 2, "is given a second time; it stands in line 1 already"},
		"a key without a value":                   {repo + "max_runners:", "max_runners", 2, "has no value"},
		"an anchor":                               {repo + "fleet_name: &a b", "fleet_name", 2, "anchor"},
		"a tag":                                   {repo + "fleet_name: !!str b", "fleet_name", 2, "tag"},

		"text for a number":             {repo + `max_runners: "5"`, "max_runners", 2, "must be a whole number, not text"},
		"a fraction for a whole number": {repo + "max_runners: 5.5", "max_runners", 2, "not a number with a fraction"},
		"a number for text":             {repo + "runner_image_tag: 1.20", "runner_image_tag", 2, "write it in quotes"},
		"a list for text":               {repo + "fleet_name: [a]", "fleet_name", 2, "must be text, not a list"},
		"text for a list":               {repo + "subnet_ids: subnet-12345678", "subnet_ids", 2, "must be a list, not text"},
		"a number in a list":            {repo + "fleet_labels: [a, 5]", "fleet_labels[1]", 2, "must be text"},
		"text for a mapping":            {repo + "limits: 5m", "limits", 2, "must be a mapping"},
		"yes for true":                  {repo + "allow_public_repositories: yes", "allow_public_repositories", 2, "must be true or false, not text"},
		"a number for a time":           {repo + "limits: {idle: 300}", "limits.idle", 2, "with its unit"},
		"a time without a unit":         {repo + `limits: {idle: "300"}`, "limits.idle", 2, `"300" is not a time`},

		"a fleet name in upper case":          {repo + "fleet_name: Fleet", "fleet_name", 2, "1 to 20 of a-z"},
		"a repository as URL":                 {"github_repo: https://github.com/o/r", "github_repo", 1, "without the host"},
		"a repository as it is cloned":        {"github_repo: o/r.git", "github_repo", 1, "write o/r"},
		"an owner alone":                      {"github_repo: octo-org", "github_repo", 1, "or for all repositories of an organization github_org: octo-org and no github_repo"},
		"a repository called dot dot":         {"github_repo: o/..", "github_repo", 1, "is not a repository"},
		"a repository twice in another case":  {"github_repo: [o/r, O/R]", "github_repo[1]", 1, "listed twice"},
		"plain http":                          {repo + "github_url: http://github.example.com", "github_url", 2, "must begin with https://"},
		"a host that begins like a loopback":  {repo + "github_url: http://127.0.0.1.example.com", "github_url", 2, "must begin with https://"},
		"a URL with a path":                   {repo + "github_url: https://github.com/octo-org", "github_url", 2, "a scheme and a host only"},
		"a host without scheme":               {repo + "github_url: github.com", "github_url", 2, "is no URL"},
		"the address of GitHub's API":         {repo + "github_url: https://API.github.com", "github_url", 2, "a browser opens, https://github.com"},
		"that of a subdomain's API":           {repo + "github_url: https://api.octo.ghe.com", "github_url", 2, "a browser opens, https://octo.ghe.com"},
		"an authority for GitHub itself":      {repo + "github_ca: ca.pem", "github_ca", 2, "is for a GitHub Enterprise Server"},
		"an authority for data residency":     {repo + "github_url: https://octo.ghe.com\ngithub_ca: ca.pem", "github_ca", 3, "delete github_ca"},
		"an authority without a file":         {repo + "github_url: https://git.example\ngithub_ca: ''", "github_ca", 3, "must be the path of a file"},
		"an authority in the file itself":     {repo + "github_url: https://git.example\ngithub_ca: |\n  -----BEGIN CERTIFICATE-----\n  aGVsbG8=\n", "github_ca", 3, "must be the path of a file"},
		"the same secret twice":               {repo + "webhook_secret: env:A\nwebhook_secret_previous: env:A", "webhook_secret_previous", 3, "the same as webhook_secret"},
		"a second re-run after Spot":          {repo + "spot_retry: 2", "spot_retry", 2, "is 2; use 1 to have jobs run again that Fargate Spot interrupted, or 0"},
		"a re-run after Spot in words":        {repo + "spot_retry: true", "spot_retry", 2, "must be a whole number, not"},
		"another compression":                 {repo + "image_compression: estargz", "image_compression", 2, `"estargz" is neither gzip nor zstd`},
		"a number for a compression":          {repo + "image_compression: 3", "image_compression", 2, "must be text, not"},
		"a SOCI index of zstd layers":         {repo + "image_compression: zstd\nsoci_index: true", "soci_index", 3, "is made of gzip layers only"},
		"a version for a SOCI index":          {repo + "soci_index: v2", "soci_index", 2, "must be true or false"},
		"another word for a refusal's status": {repo + "refusal_status: public", "refusal_status", 2, `"public" is none of private, always and never`},
		"false for a refusal's status":        {repo + "refusal_status: false", "refusal_status", 2, "must be text, not"},
		"a page that is none":                 {repo + "refusal_url: wiki/runners", "refusal_url", 2, "is no page that a browser opens"},
		"a page that runs":                    {repo + "refusal_url: javascript:alert(1)", "refusal_url", 2, "is no page that a browser opens"},
		"a page with a password":              {repo + "refusal_url: https://a:b@wiki.example.com", "refusal_url", 2, "holds a user name"},
		"a page with a long address":          {repo + "refusal_url: https://wiki.example.com/" + strings.Repeat("x", 500), "refusal_url", 2, "use at most 500"},
		"no log at all":                       {repo + "runner_log_mib: 0", "runner_log_mib", 2, "use 1 to 1024"},
		"a log without an end":                {repo + "runner_log_mib: 1025", "runner_log_mib", 2, "use 1 to 1024"},
		"more for one than there are":         {repo + "max_runners: 5\nmax_runners_per_repository: 6", "max_runners_per_repository", 3, "use 1 to max_runners (5)"},
		"no runner at all":                    {repo + "max_runners: 0", "max_runners", 2, "use 1 to 10000"},
		"more runners than GitHub keeps":      {repo + "max_runners: 10001", "max_runners", 2, "use 1 to 10000"},
		"a number that no machine can hold":   {repo + "max_runners: 18446744073709551615", "max_runners", 2, "use 1 to 10000"},
		"days that CloudWatch does not know":  {repo + "log_retention_days: 31", "log_retention_days", 2, "one of [1 3 5 7"},
		"a runner version with its v":         {repo + "runner_version: v2.329.0", "runner_version", 2, "such as 2.329.0"},
		"an image tag with a slash":           {repo + "runner_image_tag: a/b", "runner_image_tag", 2, "is not an image tag"},
		"a base image without a tag":          {repo + "runner_base_image: debian", "runner_base_image", 2, "names no tag"},
		"a base image that is none":           {repo + "runner_base_image: Debian:12", "runner_base_image", 2, "is not an image reference"},
		"a mirror with a scheme":              {repo + "docker_hub_mirror: https://mirror.example", "docker_hub_mirror", 2, "is not a registry; write its host"},
		"a mirror that is all of a registry":  {repo + "docker_hub_mirror: 123456789012.dkr.ecr.eu-west-1.amazonaws.com", "docker_hub_mirror", 2, "add the prefix of its pull-through cache rule"},
		"a mirror without a name":             {repo + "docker_hub_mirror: ''", "docker_hub_mirror", 2, "is not a registry"},
		"a password of Docker Hub":            {repo + "docker_hub_credentials: dckr_pat_0123456789abcdefghijklmnopq", "docker_hub_credentials", 2, "keep the secret out of this file"},
		"credentials of Docker Hub":           {repo + "docker_hub_credentials: user:password", "docker_hub_credentials", 2, "is not a reference to a secret"},
		"a repository by its address":         {repo + "base_image_repositories: [123456789012.dkr.ecr.eu-west-1.amazonaws.com/base]", "base_image_repositories[0]", 2, "is no ARN of an ECR repository"},
		"a repository that is listed twice":   {repo + "base_image_repositories: [arn:aws:ecr:eu-west-1:123456789012:repository/app, arn:aws:ecr:eu-west-1:123456789012:repository/app]", "base_image_repositories[1]", 2, "is listed twice"},
		"a repository of another partition":   {repo + "base_image_repositories: [arn:aws-iso:ecr:us-iso-east-1:123456789012:repository/app]", "base_image_repositories[0]", 2, "is no ARN of an ECR repository"},
		"a repository with a wildcard":        {repo + `base_image_repositories: ["arn:aws:ecr:eu-west-1:123456789012:repository/*"]`, "base_image_repositories[0]", 2, "is no ARN of an ECR repository"},
		"an image tag that is a number":       {repo + "runner_image_tag: 7", "runner_image_tag", 2, "write it in quotes"},
		"a registry with a scheme":            {repo + "allowed_registries: [https://ghcr.io]", "allowed_registries[0]", 2, "is not a registry; write its host"},
		"a pattern in the middle":             {repo + "allowed_registries: [ghcr.io/*/ci]", "allowed_registries[0]", 2, "is not a registry; write its host"},
		"a pattern of letters":                {repo + "allowed_registries: [ghcr.io/acme*]", "allowed_registries[0]", 2, "is not a registry; write its host"},
		"an image of Docker Hub's own":        {repo + "allowed_registries: [docker.io/node]", "allowed_registries[0]", 2, "docker.io/library/node"},
		"no builds of images":                 {repo + "on_demand_builds_per_day: 0", "on_demand_builds_per_day", 2, "use 1 to 1000"},
		"very many builds at once":            {repo + "on_demand_builds_at_once: 101", "on_demand_builds_at_once", 2, "use 1 to 100"},
		"a region's name":                     {repo + "aws_region: Ireland", "aws_region", 2, "as in eu-west-1"},
		"a bus of AWS":                        {repo + "event_bus_name: aws.partner", "event_bus_name", 2, "not beginning with aws."},
		"a bus with a slash":                  {repo + "event_bus_name: team/fleet", "event_bus_name", 2, "._-"},
		"a region of a part of its own":       {repo + "aws_region: us-iso-east-1", "aws_region", 2, "choose a region of aws, aws-us-gov or aws-cn"},
		"the sovereign cloud of Europe":       {repo + "aws_region: eusc-de-east-1", "aws_region", 2, "choose a region of aws, aws-us-gov or aws-cn"},
		"a very long build project":           {repo + "image_build_project: " + strings.Repeat("a", 65), "image_build_project", 2, "use 2 to 64"},
		"an image tag like the fleet's own":   {repo + "runner_image_tag: 0123456789abcdef0123456789abcdef-3", "runner_image_tag", 2, "gives its own images"},
		"an image tag too long for arm64":     {repo + "runner_class_sizes: {a: {cpu: 512, memory: 1024, arch: arm64}}\nrunner_image_tag: " + strings.Repeat("a", 123), "runner_image_tag", 3, "use at most 122"},
		"an empty build project":              {repo + `image_build_project: ""`, "image_build_project", 2, "delete the key"},
		"no class":                            {repo + "runner_class_sizes: {}", "runner_class_sizes", 2, "names no class"},
		"a class without memory":              {repo + "runner_class_sizes: {small: {cpu: 512}}", "runner_class_sizes.small", 2, "lacks memory"},
		"a class without cpu":                 {repo + "runner_class_sizes: {small: {memory: 512}}", "runner_class_sizes.small", 2, "lacks cpu"},
		"a size that Fargate has not":         {repo + "runner_class_sizes: {small: {cpu: 512, memory: 512}}", "runner_class_sizes.small", 2, "1024 to 4096 MiB"},
		"an architecture of another world":    {repo + "runner_class_sizes: {small: {cpu: 512, memory: 1024, arch: x86_64}}", "runner_class_sizes.small", 2, "use x64 or arm64"},
		"a class name with a space":           {repo + "runner_class_sizes: {a b: {cpu: 512, memory: 1024}}", `runner_class_sizes."a b"`, 2, "is not a name for a class"},
		"a class twice in another case":       {repo + "runner_class_sizes:\n  a: {cpu: 512, memory: 1024}\n  A: {cpu: 512, memory: 1024}", "runner_class_sizes.a", 4, "second time"},
		"a default class that is not there":   {repo + "default_class: huge", "default_class", 2, `"huge" is not one of the classes "large, medium, small"`},
		"classes without a default":           {repo + "runner_class_sizes: {a: {cpu: 512, memory: 1024}, b: {cpu: 512, memory: 1024}}", "default_class", 0, `one of "a, b"`},
		"an extra image under linux":          {repo + "extra_runner_images: {Linux: a}", "extra_runner_images.linux", 2, "has a meaning in every fleet"},
		"an extra image that begins class:":   {repo + `extra_runner_images: {"class:a": a}`, "extra_runner_images.class:a", 2, "has a meaning in every fleet (self-hosted, linux, x64, arm64, class:…, image:…, run:…)"},
		"an extra image as GitHub's machine":  {repo + "extra_runner_images: {ubuntu-latest: a}", "extra_runner_images.ubuntu-latest", 2, "GitHub's own machines"},
		"an extra image for every job":        {repo + "required_label: a\nextra_runner_images: {A: b}", "extra_runner_images.a", 3, "every job would ask"},
		"an extra image that is a label":      {repo + "fleet_labels: [a]\nextra_runner_images: {a: b}", "extra_runner_images.a", 3, "a label means one thing"},
		"an extra image without a path":       {repo + `extra_runner_images: {a: ""}`, "extra_runner_images.a", 2, "path of a Dockerfile"},
		"a label with a comma":                {repo + `fleet_labels: ["a,b"]`, "fleet_labels[0]", 2, "is not a label"},
		"a label twice in another case":       {repo + "fleet_labels: [a, A]", "fleet_labels[1]", 2, "listed twice"},
		"a label that is too long":            {repo + "required_label: " + strings.Repeat("a", 257), "required_label", 2, "up to 256"},
		"an empty required label":             {repo + `required_label: ""`, "required_label", 2, "is not a label"},
		"an idle limit as long as the start":  {repo + "limits: {idle: 15m}", "limits.idle", 2, "must be shorter than limits.start"},
		"a start limit as short as the idle":  {repo + "limits: {start: 5m}", "limits.start", 2, "must be shorter than limits.start"},
		"an inspection after the end":         {repo + "limits: {max_runtime: 10m}", "limits.max_runtime", 2, "must be shorter than limits.max_runtime"},
		"a build lease longer than the build": {repo + "limits: {build: 10m, build_lease: 20m}", "limits.build_lease", 2, "must be shorter than limits.build"},
		"half a second":                       {repo + "limits: {idle: 1500ms}", "limits.idle", 2, "whole seconds"},
		"a time before the start":             {repo + "limits: {idle: -5m}", "limits.idle", 2, "at least 1s"},
		"a job of six days":                   {repo + "limits: {max_runtime: 144h}", "limits.max_runtime", 2, "at most 120h"},
		"a subnet by its name":                {repo + "vpc_id: vpc-12345678\nsubnet_ids: [private-a]", "subnet_ids[0]", 3, "write its id"},
		"a subnet twice":                      {repo + "vpc_id: vpc-12345678\nsubnet_ids: [subnet-12345678, subnet-12345678]", "subnet_ids[1]", 3, "listed twice"},
		"subnets without a group":             {repo + "subnet_ids: [subnet-12345678]", "subnet_ids", 2, "add security_groups, or vpc_id"},
		"groups without a subnet":             {repo + "security_groups: [sg-12345678]", "security_groups", 2, "add subnet_ids"},
		"a VPC without a subnet":              {repo + "vpc_id: vpc-12345678", "vpc_id", 2, "add subnet_ids"},
		"a made VPC without public addresses": {repo + "assign_public_ip: false", "assign_public_ip", 2, "cannot reach GitHub"},
		"a token for a time":                  {repo + "limits: {idle: ghp_0123456789abcdefghij}", "limits.idle", 2, "[a GitHub token] is not a time"},
		"a token as key":                      {repo + "ghp_0123456789abcdefghij: a", "[a GitHub token]", 2, "is not a key"},
		"a token under another key":           {repo + "required_label: ghp_0123456789abcdefghij", "required_label", 2, "holds a GitHub token itself"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.file), "fleet.yaml")
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want *Problems", err)
			}
			if len(problems.List) != 1 {
				t.Fatalf("got %d problems, want the one:\n%s", len(problems.List), err)
			}
			p := problems.List[0]
			if p.Key != test.key || p.Line != test.line || !strings.Contains(p.Message, test.says) {
				t.Errorf("got  %d %s: %s\nwant %d %s: …%s…", p.Line, p.Key, p.Message, test.line, test.key, test.says)
			}
		})
	}
}

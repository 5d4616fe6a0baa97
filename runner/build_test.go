//go:build cdk

package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// fake is a program that notes its arguments, one to a line with spaces shown, and
// answers what the build asks it. It stands in for docker, aws and curl: nothing is
// built or pushed here.
const fake = `#!/usr/bin/env bash
me=$(basename "$0")
{ printf '%s' "$me"; printf ' <%s>' "$@"; printf '\n'; } >>"$(dirname "$0")/../notes"
{ printf '%s %s: ' "$me" "$1"; env | tr '\n' ' '; printf '\n'; } >>"$(dirname "$0")/../environments"
case "$me $1 ${2-}" in
  "docker image inspect") printf '%s\n' "${BASE_IS-amd64}" ;;
  "docker inspect --format")
    case $3 in
      *RepoDigests*) printf 'other/ci@sha256:%064d\n%s@sha256:%064d\n\n' 1 "$IMAGE_REPOSITORY" 7 ;;
      *) printf '%s\n' "${HAS_RUNNER-true}" ;;
    esac ;;
  "docker login"*) printf 'login <%s>\n' "$(cat)" >>"$(dirname "$0")/../logins" ;;
  "docker pull"*) [ -z "${PULL_SAYS-}" ] || { printf '%s\n' "$PULL_SAYS" >&2; exit 1; } ;;
  "docker push"*) [ -z "${PUSH_SAYS-}" ] || { printf '%s\n' "$PUSH_SAYS" >&2; exit 1; } ;;
  "aws ecr get-login-password") printf 'secret-of-ecr' ;;
  "aws secretsmanager get-secret-value") printf '{"username":"somebody","accessToken":"secret-of-the-hub"}' ;;
  "iptables "*) [ -z "${NO_RULES-}" ] || exit 1 ;;
  "curl "*) printf '%s' "$RELEASE" ;;
esac
`

const (
	repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci"
	tag        = "0123456789abcdef0123456789abcdef"
	ubuntu     = "public.ecr.aws/ubuntu/ubuntu:24.04"
)

var sumX64, sumARM64, sumKnown = strings.Repeat("0a", 32), strings.Repeat("0b", 32), strings.Repeat("0c", 32)

type bench struct {
	dir, notes string
	env        []string
}

func newBench(t *testing.T) bench {
	t.Helper()
	for _, tool := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed, as CodeBuild has it (on Debian: apt-get install %s)", tool, tool)
		}
	}
	b := bench{dir: t.TempDir()}
	b.notes = filepath.Join(b.dir, "notes")
	tools := filepath.Join(b.dir, "tools")
	context := filepath.Join(b.dir, "context")
	for _, dir := range []string{tools, context, filepath.Join(context, "extra", "tools")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"docker", "aws", "curl", "iptables"} {
		writeFile(t, filepath.Join(tools, name), fake, 0o755)
	}
	writeFile(t, filepath.Join(context, "extra", "tools", ".dockerfile"), "Dockerfile.ci", 0o644)
	if err := WriteContext(context); err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		writeFile(t, filepath.Join(context, "entrypoint-"+arch), "program", 0o644)
	}
	asset := func(arch, version, sum string) string {
		return `{"name":"actions-runner-linux-` + arch + `-` + version + `.tar.gz","digest":"sha256:` + sum + `"}`
	}
	release := `{"assets":[{"name":"actions-runner-osx-x64-2.330.0.tar.gz","digest":"sha256:00"},` + asset("x64", "2.330.0", sumX64) + `,` + asset("arm64", "2.330.0", sumARM64) + `]}`
	b.env = []string{
		"PATH=" + tools + ":" + os.Getenv("PATH"), "RELEASE=" + release, "TMPDIR=" + b.dir, "AWS_SESSION_TOKEN=secret-of-the-build",
		"IMAGE_TAG=" + tag, "IMAGE_REVISION=3", "IMAGE_ARCH=x64", "IMAGE_REPOSITORY=" + repository,
	}
	return b
}

// built is what became of a build.
type built struct {
	digest, release string // exported
	said            string
	calls           []string
	ok              bool
}

// build runs the buildspec's commands as CodeBuild does: one after the other, in one
// shell, until one fails.
func (b bench) build(t *testing.T, env ...string) (got built) {
	t.Helper()
	var spec struct {
		Env struct {
			Exported []string `yaml:"exported-variables"`
		}
		Phases map[string]struct{ Commands []string }
	}
	if err := yaml.Unmarshal([]byte(Buildspec), &spec); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(spec.Env.Exported, []string{"IMAGE_DIGEST", "RUNNER_RELEASE"}) || len(spec.Phases) != 1 {
		t.Fatalf("the buildspec has %+v", spec)
	}
	script := strings.Join(spec.Phases["build"].Commands, " || exit 1\n") + " || exit 1\nprintf '%s %s' \"$IMAGE_DIGEST\" \"$RUNNER_RELEASE\" >../exported\n"
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = filepath.Join(b.dir, "context")
	cmd.Env = append(slices.Clone(b.env), env...)
	out, err := cmd.CombinedOutput()
	exported, _ := os.ReadFile(filepath.Join(b.dir, "exported"))
	notes, _ := os.ReadFile(b.notes)
	got.digest, got.release, _ = strings.Cut(string(exported), " ")
	got.said, got.ok = string(out), err == nil
	if len(notes) > 0 {
		got.calls = strings.Split(strings.TrimSpace(string(notes)), "\n")
	}
	return got
}

// of are the calls that begin so.
func (b built) of(begins ...string) (calls []string) {
	for _, call := range b.calls {
		if slices.ContainsFunc(begins, func(begin string) bool { return strings.HasPrefix(call, begin) }) {
			calls = append(calls, call)
		}
	}
	return calls
}

// layer is the call that puts the runner into an image.
func layer(base, version, sum, arch, name string) string {
	goArch := map[string]string{"x64": "amd64", "arm64": "arm64"}[arch]
	var b strings.Builder
	b.WriteString("docker <build>")
	for _, arg := range []string{
		"BASE_IMAGE=" + base, "BUILDER_IMAGE=" + ubuntu, "RUNNER_VERSION=" + version, "RUNNER_SHA256=" + sum, "RUNNER_ARCH=" + arch, "ARCH=" + goArch, "SUDO=true",
	} {
		b.WriteString(" <--build-arg> <" + arg + ">")
	}
	return b.String() + " <--tag> <" + name + "> <--file> <Dockerfile> <.>"
}

func TestBuild(t *testing.T) {
	push := "docker <push> <" + repository + ":" + tag + "-3>"
	pull := func(image, arch string) string {
		return "docker <pull> <--platform> <linux/" + arch + "> <" + image + ">"
	}
	extra := "docker <build> <--build-arg> <RUNNER_BASE=runner:base> <--tag> <runner:extra> <--file> <extra/tools/Dockerfile.ci> <extra/tools>"
	const node = "docker.io/library/node:22-bookworm"
	tests := map[string]struct {
		env     []string
		release string
		want    []string // what docker is told to pull, build and push
	}{
		"an image on demand": {
			[]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=" + node}, "2.330.0",
			[]string{pull(node, "amd64"), pull(ubuntu, "amd64"), layer(node, "2.330.0", sumX64, "x64", "runner:build"), push},
		},
		"of a release that the fleet knows": {
			[]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=" + node, "RUNNER_RELEASE=2.336.0", "RUNNER_SHA256=" + sumKnown}, "2.336.0",
			[]string{pull(node, "amd64"), pull(ubuntu, "amd64"), layer(node, "2.336.0", sumKnown, "x64", "runner:build"), push},
		},
		"of a version that is pinned": {
			[]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=" + node, "RUNNER_VERSION=2.330.0", "RUNNER_RELEASE=2.336.0", "RUNNER_SHA256=" + sumKnown}, "2.330.0",
			[]string{pull(node, "amd64"), pull(ubuntu, "amd64"), layer(node, "2.330.0", sumX64, "x64", "runner:build"), push},
		},
		"the base image for arm64": {
			[]string{"IMAGE_KIND=base", "IMAGE_ARCH=arm64", "PUBLISH_TAG=base-arm64", "DEFAULT_BASE=" + ubuntu, "BASE_IS=arm64"}, "2.330.0",
			[]string{pull(ubuntu, "arm64"), layer(ubuntu, "2.330.0", sumARM64, "arm64", "runner:build"), push, "docker <push> <" + repository + ":base-arm64>"},
		},
		"an extra image on top of the base image": {
			[]string{"IMAGE_KIND=extra", "IMAGE_LABEL=tools"}, "2.330.0",
			[]string{
				pull(ubuntu, "amd64"), layer(ubuntu, "2.330.0", sumX64, "x64", "runner:base"), extra,
				"docker <build> <--build-arg> <BASE_IMAGE=runner:extra> <--tag> <runner:build> <--file> <Dockerfile.again> <.>", push,
			},
		},
		"an extra image of something else": {
			[]string{"IMAGE_KIND=extra", "IMAGE_LABEL=tools", "HAS_RUNNER="}, "2.330.0",
			[]string{pull(ubuntu, "amd64"), layer(ubuntu, "2.330.0", sumX64, "x64", "runner:base"), extra, layer("runner:extra", "2.330.0", sumX64, "x64", "runner:build"), push},
		},
		"from a mirror of Docker Hub": {
			[]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=" + node, "DOCKER_HUB_MIRROR=mirror.example/hub"}, "2.330.0",
			[]string{pull("mirror.example/hub/library/node:22-bookworm", "amd64"), pull(ubuntu, "amd64"), layer("mirror.example/hub/library/node:22-bookworm", "2.330.0", sumX64, "x64", "runner:build"), push},
		},
		"of another registry than the mirror's": {
			[]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=ghcr.io/o/r:1", "DOCKER_HUB_MIRROR=mirror.example/hub"}, "2.330.0",
			[]string{pull("ghcr.io/o/r:1", "amd64"), pull(ubuntu, "amd64"), layer("ghcr.io/o/r:1", "2.330.0", sumX64, "x64", "runner:build"), push},
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			got := newBench(t).build(t, test.env...)
			if want := "sha256:" + strings.Repeat("0", 63) + "7"; !got.ok || got.digest != want || got.release != test.release {
				t.Fatalf("exported %q and %q: %s", got.digest, got.release, got.said)
			}
			if diff := cmp.Diff(test.want, got.of("docker <pull>", "docker <build>", "docker <push>")); diff != "" {
				t.Errorf("(-want +called)\n%s", diff)
			}
		})
	}
}

// Credentials are there for the pulls and for the push, and never for a build.
func TestCredentials(t *testing.T) {
	const private = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
	b := newBench(t)
	got := b.build(t, "IMAGE_KIND=on_demand", "BASE_IMAGE="+private+"/bases/web:1", "PULL_REGISTRIES="+private, "DOCKER_HUB_SECRET=docker-hub")
	if !got.ok {
		t.Fatal(got.said)
	}
	var order []string
	for _, call := range got.of("docker <login>", "docker <pull>", "docker <build>", "docker <push>", "iptables") {
		order = append(order, strings.Join(strings.Fields(call)[:2], " "))
	}
	want := []string{
		"iptables <-I>", "iptables <-I>", "docker <login>", "docker <login>", "docker <pull>", "docker <login>", "docker <login>", "docker <pull>",
		"docker <build>", "docker <login>", "docker <push>",
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +called)\n%s", diff)
	}
	logins, err := os.ReadFile(filepath.Join(b.dir, "logins"))
	if err != nil || strings.Count(string(logins), "login <secret-of-ecr>") != 3 || strings.Count(string(logins), "login <secret-of-the-hub>") != 2 {
		t.Errorf("logged in with %s, %v", logins, err)
	}
	environments, err := os.ReadFile(filepath.Join(b.dir, "environments"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(environments)) {
		if strings.HasPrefix(line, "docker build:") && (strings.Contains(line, "AWS_") || strings.Contains(line, "DOCKER_CONFIG") || strings.Contains(line, "secret")) {
			t.Errorf("a build knows %s", line)
		}
	}
	if strings.Contains(got.said+strings.Join(got.calls, "\n"), "secret-of") {
		t.Error("a credential is told")
	}
	left, err := filepath.Glob(filepath.Join(b.dir, "tmp.*", "config.json"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestWithoutRules(t *testing.T) {
	got := newBench(t).build(t, "IMAGE_KIND=on_demand", "BASE_IMAGE=ghcr.io/o/r:1", "NO_RULES=yes")
	if !got.ok || !strings.Contains(got.said, "steps of this build can reach 169.254.170.2: no rule of iptables could be set") {
		t.Errorf("%t: %s", got.ok, got.said)
	}
}

// Values that strangers may send. None may run, and none may get past its check.
func TestHostileValues(t *testing.T) {
	for _, value := range []string{
		"$(touch PWNED)", "`touch PWNED`", "node:22; touch PWNED", "node:22\ntouch PWNED", "node:22 --push", "--help", "-v", "", " node:22", "node:22 ",
		"node:22'", `node:22"`, "../../etc", "ghcr.io/${X}", "node:22\r", "*", "café:1", "node:" + strings.Repeat("2", 300),
	} {
		for name, env := range map[string][]string{
			"BASE_IMAGE": {"IMAGE_KIND=on_demand"}, "IMAGE_LABEL": {"IMAGE_KIND=extra"}, "PUBLISH_TAG": {"IMAGE_KIND=base"}, "IMAGE_TAG": nil, "IMAGE_REVISION": nil,
			"IMAGE_KIND": nil, "IMAGE_ARCH": nil, "IMAGE_REPOSITORY": nil, "RUNNER_VERSION": nil, "RUNNER_RELEASE": nil, "RUNNER_SHA256": nil, "DEFAULT_BASE": nil, "SUDO": nil,
			"DOCKER_HUB_MIRROR": nil, "DOCKER_HUB_SECRET": nil, "PULL_REGISTRIES": nil,
		} {
			if env == nil {
				env = []string{"IMAGE_KIND=on_demand", "BASE_IMAGE=ghcr.io/o/r:1"}
				if value == "" && !strings.HasPrefix(name, "IMAGE_") {
					continue // as if it were not set
				}
				if name == "DOCKER_HUB_SECRET" && len(value) > 255 {
					continue // the name of a secret may be that long
				}
			}
			b := newBench(t)
			got := b.build(t, append(env, name+"="+value)...)
			if got.ok || got.digest != "" || len(got.calls) != 0 || !strings.Contains(got.said, "ecsrunner: "+name+" is not what it must be") {
				t.Errorf("%s=%q: exported %q, called %q: %s", name, value, got.digest, got.calls, got.said)
			}
			if _, err := os.Stat(filepath.Join(b.dir, "context", "PWNED")); err == nil {
				t.Fatalf("%s=%q was run", name, value)
			}
		}
	}
}

func TestALabelThatLeavesItsFolder(t *testing.T) {
	for _, label := range []string{"x/../../..", "x/..", "a/../tools"} {
		got := newBench(t).build(t, "IMAGE_KIND=extra", "IMAGE_LABEL="+label)
		if got.ok || got.digest != "" || len(got.calls) != 0 || !strings.Contains(got.said, "IMAGE_LABEL is not what it must be") {
			t.Errorf("%s: %+v", label, got)
		}
	}
}

// Each failure ends with one sentence, behind the mark by which the fleet finds it.
func TestABuildThatFails(t *testing.T) {
	for sentence, test := range map[string]struct {
		env  []string
		says string
	}{
		"a base of another architecture": {[]string{"BASE_IS=arm64"}, "the base image is for arm64, and the class of the job is x64"},
		"a base that cannot be pulled":   {[]string{"PULL_SAYS=manifest unknown"}, "the base image ghcr.io/o/r:1 cannot be pulled"},
		"no permission to push":          {[]string{"PUSH_SAYS=denied: not authorized to perform: ecr:PutImage"}, "the image cannot be pushed to " + repository},
		"a version without a checksum":   {[]string{"RELEASE={\"assets\":[]}"}, "runner version latest has no download with a checksum for x64"},
		"a label that is not deployed":   {[]string{"IMAGE_KIND=extra", "IMAGE_LABEL=gone"}, "there is no image of the label gone; deploy again"},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := newBench(t).build(t, append([]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=ghcr.io/o/r:1"}, test.env...)...)
			var last string
			for line := range strings.Lines(got.said) {
				if text, ok := strings.CutPrefix(line, "ecsrunner: "); ok {
					last = text
				}
			}
			if got.ok || got.digest != "" || !strings.HasPrefix(last, test.says) {
				t.Errorf("exported %q: %s", got.digest, got.said)
			}
		})
	}
}

func TestAnotherBuildWasFirst(t *testing.T) {
	got := newBench(t).build(t, "IMAGE_KIND=on_demand", "BASE_IMAGE=ghcr.io/o/r:1",
		"PUSH_SAYS=tag invalid: The image tag '0123' already exists in the 'ci' repository and cannot be overwritten because the repository is immutable.")
	if !got.ok || got.digest == "" {
		t.Errorf("%+v", got)
	}
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

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
{ printf '%s' "$(basename "$0")"; printf ' <%s>' "$@"; printf '\n'; } >>"$NOTES"
case "$(basename "$0") $1 ${2-}" in
  "docker inspect"*) printf 'true\n' ;;
  "docker login"*) cat >/dev/null ;;
  "docker push"*) [ -z "${PUSH_SAYS-}" ] || { printf '%s\n' "$PUSH_SAYS" >&2; exit 1; } ;;
  "aws ecr get-login-password") printf 'secret-of-the-push' ;;
  "aws ecr describe-images") printf 'sha256:%064d\n' 7 ;;
  "curl "*)
    for last; do :; done
    case $last in
      https://api.github.com/*) printf '%s' "$RELEASE" ;;
      *) cp "$ARCHIVE" runner.tar.gz ;;
    esac ;;
esac
`

type bench struct {
	dir, notes string
	env        []string
}

func newBench(t *testing.T) bench {
	t.Helper()
	for _, tool := range []string{"bash", "jq", "tar", "sha256sum"} {
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
	for _, name := range []string{"docker", "aws", "curl"} {
		write(t, filepath.Join(tools, name), fake, 0o755)
	}
	write(t, filepath.Join(context, "extra", "tools", ".dockerfile"), "Dockerfile.ci", 0o644)
	if err := WriteContext(context); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.dir, "run.sh"), "#!/bin/sh\n", 0o755)
	archive := filepath.Join(b.dir, "runner.tgz")
	output(t, exec.Command("tar", "-czf", archive, "-C", b.dir, "run.sh"))
	sum, _, _ := strings.Cut(output(t, exec.Command("sha256sum", archive)), " ")
	release := `{"assets":[{"name":"actions-runner-linux-x64-2.329.0.tar.gz","browser_download_url":"https://github.com/actions/runner/releases/download/v2.329.0/x64.tar.gz","digest":"sha256:` + sum + `"},` +
		`{"name":"actions-runner-linux-arm64-2.329.0.tar.gz","browser_download_url":"https://github.com/actions/runner/releases/download/v2.329.0/arm64.tar.gz","digest":"sha256:` + sum + `"}]}`
	b.env = []string{
		"PATH=" + tools + ":" + os.Getenv("PATH"), "NOTES=" + b.notes, "ARCHIVE=" + archive, "RELEASE=" + release, "TMPDIR=" + b.dir,
		"IMAGE_TAG=0123456789abcdef0123456789abcdef", "IMAGE_ARCH=x64", "IMAGE_REPOSITORY=123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci",
	}
	return b
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return string(out)
}

// build runs the buildspec's commands as CodeBuild does: one after the other, in one
// shell, until one fails. It returns what the build exports, what it said, and what
// it called.
func (b bench) build(t *testing.T, env ...string) (digest, said string, calls []string, ok bool) {
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
	if !slices.Equal(spec.Env.Exported, []string{"IMAGE_DIGEST"}) || len(spec.Phases) != 1 {
		t.Fatalf("the buildspec has %+v", spec)
	}
	script := strings.Join(spec.Phases["build"].Commands, " || exit 1\n") + " || exit 1\nprintf '%s' \"$IMAGE_DIGEST\" >../digest\n"
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = filepath.Join(b.dir, "context")
	cmd.Env = append(slices.Clone(b.env), env...)
	out, err := cmd.CombinedOutput()
	written, _ := os.ReadFile(filepath.Join(b.dir, "digest"))
	notes, _ := os.ReadFile(b.notes)
	return string(written), string(out), strings.Split(strings.TrimSpace(string(notes)), "\n"), err == nil
}

func TestBuild(t *testing.T) {
	const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci"
	layer := func(base, tag, arch string) string {
		return "docker <build> <--build-arg> <BASE_IMAGE=" + base + "> <--build-arg> <ARCH=" + arch + "> <--tag> <" + tag + "> <--file> <Dockerfile> <.>"
	}
	tests := map[string]struct {
		env   []string
		built []string // the calls of docker build, and push
	}{
		"an image on demand": {
			[]string{"IMAGE_KIND=on_demand", "BASE_IMAGE=docker.io/library/node:22-bookworm"},
			[]string{layer("docker.io/library/node:22-bookworm", "runner:build", "amd64"), "docker <push> <" + repository + ":0123456789abcdef0123456789abcdef>"},
		},
		"the base image for arm64": {
			[]string{"IMAGE_KIND=base", "IMAGE_ARCH=arm64", "PUBLISH_TAG=base-arm64", "DEFAULT_BASE=docker.io/library/debian:12"},
			[]string{
				layer("docker.io/library/debian:12", "runner:build", "arm64"),
				"docker <push> <" + repository + ":0123456789abcdef0123456789abcdef>", "docker <push> <" + repository + ":base-arm64>",
			},
		},
		"an extra image": {
			[]string{"IMAGE_KIND=extra", "IMAGE_LABEL=tools"},
			[]string{
				layer("public.ecr.aws/ubuntu/ubuntu:24.04", "runner:base", "amd64"),
				"docker <build> <--build-arg> <RUNNER_BASE=runner:base> <--tag> <runner:extra> <--file> <extra/tools/Dockerfile.ci> <extra/tools>",
				"docker <push> <" + repository + ":0123456789abcdef0123456789abcdef>",
			},
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			digest, said, calls, ok := newBench(t).build(t, test.env...)
			if want := "sha256:" + strings.Repeat("0", 63) + "7"; !ok || digest != want {
				t.Fatalf("exported %q: %s", digest, said)
			}
			var built []string
			login := len(calls)
			for i, call := range calls {
				if strings.HasPrefix(call, "docker <login>") {
					login = i
				}
				if strings.HasPrefix(call, "docker <build>") && i > login {
					t.Errorf("built with the credentials to push: %s", call)
				}
				if strings.HasPrefix(call, "docker <build>") || strings.HasPrefix(call, "docker <push>") {
					built = append(built, call)
				}
			}
			if diff := cmp.Diff(test.built, built); diff != "" {
				t.Errorf("(-want +called)\n%s", diff)
			}
			if strings.Contains(said+strings.Join(calls, "\n"), "secret-of-the-push") {
				t.Error("the credential to push is told")
			}
		})
	}
}

// Values that strangers may send. None may run, and none may get past its check.
func TestHostileValues(t *testing.T) {
	for _, value := range []string{
		"$(touch PWNED)", "`touch PWNED`", "node:22; touch PWNED", "node:22\ntouch PWNED", "node:22 --push", "--help", "-v", "", " node:22", "node:22 ",
		"node:22'", `node:22"`, "node:22\x00x", "../../etc", "ghcr.io/${X}", "node:22\r", "*", "café:1",
	} {
		if strings.Contains(value, "\x00") {
			continue // an environment cannot have it
		}
		for name, kind := range map[string]string{"BASE_IMAGE": "on_demand", "IMAGE_LABEL": "extra", "PUBLISH_TAG": "base"} {
			b := newBench(t)
			digest, said, calls, ok := b.build(t, "IMAGE_KIND="+kind, name+"="+value)
			if ok || digest != "" || len(calls) != 1 || calls[0] != "" || !strings.Contains(said, name+" is not what it must be") {
				t.Errorf("%s=%q: exported %q, called %q: %s", name, value, digest, calls, said)
			}
			if _, err := os.Stat(filepath.Join(b.dir, "context", "PWNED")); err == nil {
				t.Fatalf("%s=%q was run", name, value)
			}
		}
	}
}

func TestAPushThatFails(t *testing.T) {
	for sentence, test := range map[string]struct {
		says string
		ok   bool
	}{
		"another build was first": {"tag invalid: The image tag '0123' already exists in the 'ci' repository and cannot be overwritten because the repository is immutable.", true},
		"no permission":           {"denied: User is not authorized to perform: ecr:PutImage", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			digest, said, _, ok := newBench(t).build(t, "IMAGE_KIND=on_demand", "BASE_IMAGE=docker.io/library/node:22", "PUSH_SAYS="+test.says)
			if ok != test.ok || (digest != "") != test.ok || !test.ok && !strings.Contains(said, test.says) {
				t.Errorf("exported %q: %s", digest, said)
			}
		})
	}
}

func TestALabelThatLeavesItsFolder(t *testing.T) {
	for _, label := range []string{"x/../../..", "x/..", "a/../tools"} {
		digest, said, calls, ok := newBench(t).build(t, "IMAGE_KIND=extra", "IMAGE_LABEL="+label)
		if ok || digest != "" || calls[0] != "" || !strings.Contains(said, "IMAGE_LABEL is not what it must be") {
			t.Errorf("%s: exported %q, called %q: %s", label, digest, calls, said)
		}
	}
}

func TestARunnerThatIsNotGitHubs(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.dir, "runner.tgz"), "something else", 0o644)
	digest, said, calls, ok := b.build(t, "IMAGE_KIND=on_demand", "BASE_IMAGE=docker.io/library/node:22")
	if ok || digest != "" || !strings.Contains(said, "the runner's checksum is wrong") {
		t.Errorf("exported %q: %s", digest, said)
	}
	for _, call := range calls {
		if strings.HasPrefix(call, "docker") {
			t.Errorf("called %s", call)
		}
	}
}

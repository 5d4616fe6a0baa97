//go:build cdk

package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci"
	private    = "210987654321.dkr.ecr.us-east-2.amazonaws.com"
	contentTag = "0123456789abcdef0123456789abcdef"
	node       = "docker.io/library/node:22-bookworm"
)

var sumX64, sumARM64, sumKnown = strings.Repeat("0a", 32), strings.Repeat("0b", 32), strings.Repeat("0c", 32)

// bench is a machine of CodeBuild's: dir has the programs that stand in for others,
// the build's files, and its temporary ones.
type bench struct {
	dir     string
	outside outside
	env     map[string]string
}

func newBench(t *testing.T) bench {
	t.Helper()
	for _, tool := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed, as CodeBuild has it (on Debian: apt-get install %s)", tool, tool)
		}
	}
	b := bench{dir: t.TempDir(), outside: outside{Arch: "amd64", Claim: fleet.IdentityLabelValue, Secret: `{"username":"somebody","accessToken":"token-of-docker-hub"}`, Release: release("2.330.0")}}
	for _, dir := range []string{"tools", "tmp", "context/extra/tools", "context/extra/secret"} {
		if err := os.MkdirAll(filepath.Join(b.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range programs {
		places := []string{"tools"}
		if strings.HasPrefix(name, "publish-") { // is found in the build's folder
			places = append(places, "context")
		}
		for _, place := range places {
			if err := os.Symlink(self, filepath.Join(b.dir, place, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := WriteContext(filepath.Join(b.dir, "context")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"entrypoint-amd64": "x64's", "entrypoint-arm64": "arm64's", "extra/tools/.dockerfile": "Dockerfile.ci", "extra/secret/key": "another image's",
	} {
		put(t, filepath.Join(b.dir, "context", name), text)
	}
	b.deploy(t, map[string]string{"base:x64": "b0", "base:arm64": "b1", "on_demand:x64": "d0", "on_demand:arm64": "d1", "extra:tools:x64": "e0"})
	b.env = map[string]string{
		"PATH": filepath.Join(b.dir, "tools") + ":" + os.Getenv("PATH"), "TMPDIR": filepath.Join(b.dir, "tmp"), "HOME": b.dir, "LC_ALL": "C.UTF-8",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/token-of-the-build", "AWS_REGION": "eu-west-1",
		"IMAGE_TAG": contentTag, "IMAGE_REVISION": "3", "IMAGE_KIND": "on_demand", "IMAGE_ARCH": "x64", "IMAGE_REPOSITORY": repository, "BASE_IMAGE": node,
		"IMAGE_OWNER": "$(touch PWNED); --help", "FLEET_NAME": "`touch PWNED`", // nothing reads these
	}
	return b
}

// deploy lays down what the images are made of. The hashes are filled up.
func (b bench) deploy(t *testing.T, sources map[string]string) {
	t.Helper()
	for key, source := range sources {
		sources[key] = source + strings.Repeat("0", sourceDigits-len(source))
	}
	encoded, err := json.Marshal(sources)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(b.dir, "context", SourcesFile), string(encoded))
}

// ordered is what the image of a build is made of, in the form in which the fleet
// orders it.
func (b bench) ordered(t *testing.T, env map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "context", SourcesFile))
	if err != nil {
		t.Fatal(err)
	}
	var sources map[string]string
	if err := json.Unmarshal(text, &sources); err != nil {
		t.Fatal(err)
	}
	return sources[fleet.SourceOf(fleet.ImageKind(env["IMAGE_KIND"]), env["IMAGE_LABEL"], fleet.Arch(env["IMAGE_ARCH"]))]
}

// release is GitHub's answer, shortened.
func release(version string) string {
	asset := func(name, sum string) string {
		return fmt.Sprintf(`{"name":"actions-runner-%s-%s.tar.gz","digest":%s}`, name, version, sum)
	}
	return fmt.Sprintf(`{"tag_name":"v%s","assets":[%s,%s,%s]}`, version,
		asset("osx-x64", "null"), asset("linux-x64", `"sha256:`+sumX64+`"`), asset("linux-arm64", `"sha256:`+sumARM64+`"`))
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// outcome is the result of a build.
type outcome struct {
	digest, release, claim, size string // exported

	said  string
	calls []call
	ok    bool
}

// build runs the buildspec's commands as CodeBuild does: one after the other, in one
// shell, until one fails.
func (b bench) build(t *testing.T, env map[string]string) (got outcome) {
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
	if !slices.Equal(spec.Env.Exported, []string{deployment.ImageDigestVariable, deployment.RunnerReleaseVariable, deployment.ImageClaimVariable, deployment.ImageSizeVariable}) || len(spec.Phases) != 1 {
		t.Fatalf("the buildspec has %+v", spec)
	}
	encoded, err := json.Marshal(b.outside)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(b.dir, "tools", "outside.json"), string(encoded))
	script := strings.Join(spec.Phases["build"].Commands, " || exit 1\n") + " || exit 1\nbash -c 'printf \"%s|%s|%s|%s\" \"$IMAGE_DIGEST\" \"$RUNNER_RELEASE\" \"$IMAGE_CLAIM\" \"$IMAGE_SIZE\"' >../exported\n"
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = filepath.Join(b.dir, "context")
	all := maps.Clone(b.env)
	maps.Copy(all, env)
	if _, given := all["IMAGE_SOURCE"]; !given {
		all["IMAGE_SOURCE"] = b.ordered(t, all)
	}
	for name, value := range all {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	got.said, got.ok = string(out), err == nil
	exported, _ := os.ReadFile(filepath.Join(b.dir, "exported"))
	if values := strings.Split(string(exported), "|"); len(values) == 4 {
		got.digest, got.release, got.claim, got.size = values[0], values[1], values[2], values[3]
	}
	notes, _ := os.ReadFile(filepath.Join(b.dir, "tools", "calls"))
	for decoder := json.NewDecoder(bytes.NewReader(notes)); decoder.More(); {
		var c call
		if err := decoder.Decode(&c); err != nil {
			t.Fatal(err)
		}
		got.calls = append(got.calls, c)
	}
	return got
}

// of lists the calls that begin with the words.
func (o outcome) of(begins ...string) (calls []string) {
	for _, c := range o.calls {
		if slices.ContainsFunc(begins, func(begin string) bool { return strings.HasPrefix(c.String(), begin) }) {
			// The names of temporary files are not the same twice.
			calls = append(calls, temporary(c))
		}
	}
	return calls
}

func temporary(c call) string {
	args := slices.Clone(c.Args)
	for i, arg := range args {
		if dir, file := filepath.Split(arg); strings.HasPrefix(dir, "/") && strings.Contains(arg, "/tmp/") {
			args[i] = "…/" + strings.TrimSuffix(file, "/")
		}
	}
	return fmt.Sprintf("%q", args)
}

// reason is the last of the lines that are for people.
func (o outcome) reason() (last string) {
	for line := range strings.Lines(o.said) {
		if text, ok := strings.CutPrefix(line, "ecsrunner: "); ok {
			last = strings.TrimSpace(text)
		}
	}
	return last
}

// words is a call with these arguments.
func words(text string, more ...string) string {
	return fmt.Sprintf("%q", append(strings.Fields(text), more...))
}

func layer(base, version, sum, arch, name string) string {
	goArch := map[string]string{"x64": "amd64", "arm64": "arm64"}[arch]
	return words("docker build --label ecsrunner.image=" + contentTag + " --build-arg BASE_IMAGE=" + base + " --build-arg BUILDER_IMAGE=ecsrunner.invalid/builder:pulled" +
		" --build-arg ECSRUNNER_ARCH=" + goArch + " --build-arg ECSRUNNER_RUNNER_ARCH=" + arch + " --build-arg ECSRUNNER_VERSION=" + version + " --build-arg ECSRUNNER_SHA256=" + sum +
		" --build-arg ECSRUNNER_SUDO=true --tag " + name + " --file …/Dockerfile …/context")
}

func TestBuild(t *testing.T) {
	const pulled, built = "ecsrunner.invalid/base:pulled", "ecsrunner.invalid/runner:built"
	pull := func(image string) string { return words("docker pull --quiet", image) }
	pushAs := func(goArch, format string, tags ...string) string {
		return words("./publish-" + goArch + " -image …/image.tar -to " + repository + " -tag " + strings.Join(tags, " -tag ") + " " + format)
	}
	push := func(tag string) string { return pushAs("amd64", "-compression gzip -soci=false", tag) }
	extra := words("docker build --label ecsrunner.image=" + contentTag + " --build-arg RUNNER_BASE=ecsrunner.invalid/runner:base --tag ecsrunner.invalid/extra:built --file extra/tools/Dockerfile.ci extra/tools")
	again := words("docker build --label ecsrunner.image=" + contentTag + " --build-arg BASE_IMAGE=ecsrunner.invalid/extra:built --tag " + built + " -")
	builder := pull(fleet.DefaultBaseImage)
	ask := func(what string) string {
		return words("curl -sSL --proto =https --max-time 60 --write-out \\n%{http_code}", "https://api.github.com/repos/actions/runner/releases/"+what)
	}
	tests := map[string]struct {
		env     map[string]string
		change  func(*outside)
		release string
		want    []string // the calls of curl, and of docker's pull, build and push
	}{
		"on demand": {
			nil, nil, "2.330.0",
			[]string{ask("latest"), pull(node), builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"with layers as zstd": {
			map[string]string{"IMAGE_COMPRESSION": "zstd"}, nil, "2.330.0",
			[]string{ask("latest"), pull(node), builder, layer(pulled, "2.330.0", sumX64, "x64", built), pushAs("amd64", "-compression zstd -soci=false", contentTag+"-3")},
		},
		"with a SOCI index": {
			map[string]string{"SOCI_INDEX": "true"}, nil, "2.330.0",
			[]string{ask("latest"), pull(node), builder, layer(pulled, "2.330.0", sumX64, "x64", built), pushAs("amd64", "-compression gzip -soci=true", contentTag+"-3")},
		},
		"with the release that the fleet knows": {
			map[string]string{"RUNNER_RELEASE": "2.336.0", "RUNNER_SHA256": sumKnown}, nil, "2.336.0",
			[]string{pull(node), builder, layer(pulled, "2.336.0", sumKnown, "x64", built), push(contentTag + "-3")},
		},
		"with a release whose checksum the fleet does not know": {
			map[string]string{"RUNNER_RELEASE": "2.336.0"}, func(o *outside) { o.Release = release("2.336.0") }, "2.336.0",
			[]string{ask("tags/v2.336.0"), pull(node), builder, layer(pulled, "2.336.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"with a checksum of no release": {
			map[string]string{"RUNNER_SHA256": sumKnown}, nil, "2.330.0",
			[]string{ask("latest"), pull(node), builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"with a pinned version": {
			map[string]string{"RUNNER_VERSION": "2.329.0"}, func(o *outside) { o.Release = release("2.329.0") }, "2.329.0",
			[]string{ask("tags/v2.329.0"), pull(node), builder, layer(pulled, "2.329.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"with a pinned version that the fleet knows": {
			map[string]string{"RUNNER_VERSION": "2.329.0", "RUNNER_RELEASE": "2.329.0", "RUNNER_SHA256": sumKnown}, nil, "2.329.0",
			[]string{pull(node), builder, layer(pulled, "2.329.0", sumKnown, "x64", built), push(contentTag + "-3")},
		},
		"with a version that was pinned after the fleet asked": {
			map[string]string{"RUNNER_VERSION": "2.329.0", "RUNNER_RELEASE": "2.336.0", "RUNNER_SHA256": sumKnown}, func(o *outside) { o.Release = release("2.329.0") }, "2.329.0",
			[]string{ask("tags/v2.329.0"), pull(node), builder, layer(pulled, "2.329.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"the base image, for arm64": {
			map[string]string{"IMAGE_KIND": "base", "IMAGE_ARCH": "arm64", "PUBLISH_TAG": "base-arm64", "DEFAULT_BASE": "docker.io/library/debian:12", "BASE_IMAGE": ""},
			func(o *outside) { o.Arch = "arm64" }, "2.330.0",
			[]string{
				ask("latest"), pull("docker.io/library/debian:12"), builder, layer(pulled, "2.330.0", sumARM64, "arm64", built),
				pushAs("arm64", "-compression gzip -soci=false", contentTag+"-3", "base-arm64"),
			},
		},
		"an extra image, on top of the base image": {
			map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "tools", "BASE_IMAGE": ""}, nil, "2.330.0",
			[]string{ask("latest"), pull(fleet.DefaultBaseImage), builder, layer(pulled, "2.330.0", sumX64, "x64", "ecsrunner.invalid/runner:base"), extra, again, push(contentTag + "-3")},
		},
		"an extra image, on top of something else": {
			map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "tools", "BASE_IMAGE": ""}, func(o *outside) { o.Foreign = true }, "2.330.0",
			[]string{
				ask("latest"), pull(fleet.DefaultBaseImage), builder, layer(pulled, "2.330.0", sumX64, "x64", "ecsrunner.invalid/runner:base"), extra,
				layer("ecsrunner.invalid/extra:built", "2.330.0", sumX64, "x64", built), push(contentTag + "-3"),
			},
		},
		"from a mirror of Docker Hub": {
			map[string]string{"DOCKER_HUB_MIRROR": "mirror.example:5000/hub"}, nil, "2.330.0",
			[]string{ask("latest"), pull("mirror.example:5000/hub/library/node:22-bookworm"), builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"a registry that has to be asked again": {
			nil, func(o *outside) {
				o.Pulls = map[string][]string{node: {"toomanyrequests: Rate exceeded", "net/http: TLS handshake timeout", ""}}
			}, "2.330.0",
			[]string{ask("latest"), pull(node), pull(node), pull(node), builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"GitHub has to be asked again": {
			nil, func(o *outside) { o.Status = []string{"403", "no answer"} }, "2.330.0",
			[]string{ask("latest"), ask("latest"), ask("latest"), pull(node), builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
		"by its digest, from a cache that knows tags alone": {
			map[string]string{"DOCKER_HUB_MIRROR": private + "/hub", "BASE_IMAGE": node + "@sha256:" + sumX64}, func(o *outside) {
				o.Pulls = map[string][]string{private + "/hub/library/node:22-bookworm@sha256:" + sumX64: {"manifest unknown", ""}}
			}, "2.330.0",
			[]string{
				ask("latest"), pull(private + "/hub/library/node:22-bookworm@sha256:" + sumX64), pull(private + "/hub/library/node:22-bookworm"), pull(private + "/hub/library/node:22-bookworm@sha256:" + sumX64),
				builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3"),
			},
		},
		"by its digest alone, which a cache does not know": {
			map[string]string{"DOCKER_HUB_MIRROR": private + "/hub", "BASE_IMAGE": "docker.io/library/node@sha256:" + sumX64}, func(o *outside) {
				o.Pulls = map[string][]string{private + "/hub/library/node@sha256:" + sumX64: {"manifest unknown"}}
			}, "2.330.0",
			[]string{
				ask("latest"), pull(private + "/hub/library/node@sha256:" + sumX64), pull("docker.io/library/node@sha256:" + sumX64),
				builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3"),
			},
		},
		"from another registry than the mirror's": {
			map[string]string{"DOCKER_HUB_MIRROR": "mirror.example", "BASE_IMAGE": "ghcr.io/o/r:RC1@sha256:" + sumX64}, nil, "2.330.0",
			[]string{ask("latest"), pull("ghcr.io/o/r:RC1@sha256:" + sumX64), builder, layer(pulled, "2.330.0", sumX64, "x64", built), push(contentTag + "-3")},
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			b := newBench(t)
			if test.change != nil {
				test.change(&b.outside)
			}
			got := b.build(t, test.env)
			if want := "sha256:" + strings.Repeat("0", 63) + "7"; !got.ok || got.digest != want || got.release != test.release || got.claim != fleet.IdentityLabelValue || got.size != "151000123" {
				t.Fatalf("exported %q, %q, %q and %q: %s", got.digest, got.release, got.claim, got.size, got.said)
			}
			if diff := cmp.Diff(test.want, got.of("curl", "docker pull", "docker build --label ecsrunner.image", "./publish-")); diff != "" {
				t.Errorf("(-want +called)\n%s", diff)
			}
			if saves := got.of("docker save"); len(saves) != 1 || !strings.HasSuffix(saves[0], `"…/image.tar" "`+built+`"]`) || !strings.Contains(got.said, "63.1 MB  0a1b2c3d4e5f") {
				t.Errorf("saved by %q, and said %s", saves, got.said)
			}
			if left, err := os.ReadDir(filepath.Join(b.dir, "tmp")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// The label of the image says what its entrypoint can do: an extra image may come from a
// runner image of an earlier release.
func TestWhatAnImageCanShow(t *testing.T) {
	if label := fleet.IdentityLabel + "=" + fleet.IdentityLabelValue; !strings.Contains(dockerfile, " "+label+"\n") {
		t.Errorf("the Dockerfile sets no label %s", label)
	}
	for _, label := range []string{"", "<no value>", "identity; true", "Identity"} {
		b := newBench(t)
		b.outside.Claim = label
		if got := b.build(t, map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "tools"}); !got.ok || got.release != "2.330.0" || got.claim != "nothing" {
			t.Errorf("with the label %q it exports %q: %s", label, got.claim, got.said)
		}
	}
}

// A base image may make a build copy its whole context (ONBUILD). An extra image's own
// Dockerfile has its folder as context, and the build that finishes the image has none.
func TestWhatABuildCanCopy(t *testing.T) {
	got := newBench(t).build(t, map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "tools"})
	var contexts []string
	for _, c := range got.calls {
		if c.is("docker", "build") && !c.is("docker", "build", "--label", "ecsrunner.fence=true") {
			contexts = append(contexts, strings.Join(c.Files, " "))
			if last := c.Args[len(c.Args)-1]; (last == "-") != (c.Input == again) {
				t.Errorf("%s has the Dockerfile %q", c, c.Input)
			}
		}
	}
	if diff := cmp.Diff([]string{"Dockerfile entrypoint-amd64 install.sh", ".dockerfile", ""}, contexts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The finishing step of an extra image ends it like every other runner image.
func TestAnExtraImageEndsAsTheOthers(t *testing.T) {
	_, end, ok := strings.Cut(again, "FROM ${BASE_IMAGE}\n")
	if !ok || !strings.HasPrefix(end, "USER runner\n") || !strings.HasSuffix(dockerfile, end) {
		t.Errorf("Dockerfile does not end with\n%s", end)
	}
}

// The image that unpacks the runner, and what the base image is made from by default, are
// named in three places.
func TestTheDefaultBase(t *testing.T) {
	if n := strings.Count(build, fleet.DefaultBaseImage); n != 2 || strings.Count(dockerfile, "BUILDER_IMAGE="+fleet.DefaultBaseImage+"\n") != 1 {
		t.Errorf("build.sh names %s %d times; or the Dockerfile another one", fleet.DefaultBaseImage, n)
	}
}

// Credentials exist for a pull that needs them and for the push, never for a build.
func TestCredentials(t *testing.T) {
	ecr := func(host string) string { return words("docker login --username AWS --password-stdin", host) }
	password := func(region string) string { return words("aws ecr get-login-password --region", region) }
	hub := []string{words("aws secretsmanager get-secret-value --secret-id ci/docker-hub --query SecretString --output text"), words("docker login --username somebody --password-stdin")}
	public := []string{words("aws ecr-public get-login-password --region us-east-1"), words("docker login --username AWS --password-stdin public.ecr.aws")}
	toPush := []string{password("eu-west-1"), ecr("123456789012.dkr.ecr.eu-west-1.amazonaws.com")}
	fromPrivate := []string{password("us-east-2"), ecr(private)}
	given := map[string]string{"DOCKER_HUB_SECRET": "ci/docker-hub", "PULL_REGISTRIES": "123456789012.dkr.ecr.eu-west-1.amazonaws.com " + private, "NAMED_REPOSITORIES": "docker.io/corp/* ghcr.io/corp/app " + private + "/bases/web"}
	for sentence, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"a base of Docker Hub":                     {map[string]string{}, slices.Concat(hub, public, toPush)},
		"one that the configuration names":         {map[string]string{"BASE_IMAGE": "docker.io/corp/tools/web:1@sha256:" + sumX64}, slices.Concat(hub, public, toPush)},
		"one of a repository that nothing names":   {map[string]string{"BASE_IMAGE": "docker.io/corporation/secret:1"}, slices.Concat(public, toPush)},
		"one whose name only begins like another":  {map[string]string{"BASE_IMAGE": "docker.io/library-of/x:1"}, slices.Concat(public, toPush)},
		"the beginning of a name alone":            {map[string]string{"BASE_IMAGE": "docker.io/corp:1"}, slices.Concat(public, toPush)},
		"a private base":                           {map[string]string{"BASE_IMAGE": private + "/bases/web:1"}, slices.Concat(fromPrivate, public, toPush)},
		"a private base that nothing names":        {map[string]string{"BASE_IMAGE": private + "/bases/web2:1"}, slices.Concat(public, toPush)},
		"a base of a mirror in ECR":                {map[string]string{"DOCKER_HUB_MIRROR": private + "/hub"}, slices.Concat(fromPrivate, public, toPush)},
		"a base that is not taken from the mirror": {map[string]string{"DOCKER_HUB_MIRROR": private + "/hub", "BASE_IMAGE": "docker.io/corporation/secret:1"}, slices.Concat(public, toPush)},
		"a base of another mirror":                 {map[string]string{"DOCKER_HUB_MIRROR": "mirror.example/hub"}, slices.Concat(public, toPush)},
		"a base of another registry":               {map[string]string{"BASE_IMAGE": "ghcr.io/o/r:1"}, slices.Concat(public, toPush)},
		"a base of public ECR":                     {map[string]string{"BASE_IMAGE": "public.ecr.aws/docker/library/node:22"}, slices.Concat(public, toPush)},
		"an extra image":                           {map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "tools", "DEFAULT_BASE": "docker.io/corporation/base:12"}, slices.Concat(hub, public, toPush)},
	} {
		t.Run(sentence, func(t *testing.T) {
			env := maps.Clone(given)
			maps.Copy(env, test.env)
			got := newBench(t).build(t, env)
			if !got.ok {
				t.Fatal(got.said)
			}
			if diff := cmp.Diff(test.want, got.of("docker login", "aws ecr get-login-password", "aws ecr-public", "aws secretsmanager")); diff != "" {
				t.Errorf("(-want +called)\n%s", diff)
			}
			var order []string // what must not change places
			for _, c := range got.calls {
				step := strings.Join(c.Args[:2], " ")
				switch {
				case c.is("docker", "build"):
					if len(c.Leaks) > 0 {
						t.Errorf("a build finds %q", c.Leaks)
					}
					if names := variables(c.Env); !slices.Equal(names, []string{"DOCKER_CONFIG", "HOME", "PATH"}) {
						t.Errorf("a build is told %q", names)
					}
				case c.Args[0] == "iptables":
					step = "iptables"
				case strings.HasPrefix(c.Args[0], "./publish-"):
					step = "publish"
				case !c.is("docker", "pull"):
					continue
				}
				order = append(order, step)
			}
			if got, want := strings.Join(slices.Compact(order), ", "), "docker pull, iptables, docker build, iptables, publish"; got != want {
				t.Errorf("first to last: %s, want %s", got, want)
			}
			for _, secret := range credentials {
				if strings.Contains(got.said, secret) || slices.ContainsFunc(got.calls, func(c call) bool { return strings.Contains(c.String(), secret) }) {
					t.Errorf("%s is told", secret)
				}
			}
		})
	}
}

// variables are the names of an environment's, without those that bash and coverage add.
func variables(env []string) (names []string) {
	for _, variable := range env {
		if name, _, _ := strings.Cut(variable, "="); !slices.Contains([]string{"_", "PWD", "SHLVL", "GOCOVERDIR"}, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestTheAddressesOfCredentials(t *testing.T) {
	rules := func(chain, jump string) (rules []string) {
		for _, address := range []string{"169.254.170.2", "169.254.169.254"} {
			rules = append(rules, words("iptables --wait --insert "+chain+" --destination "+address+" --protocol tcp --dport 80 --jump "+jump))
		}
		return rules
	}
	each := func(a, b []string) []string { return []string{a[0], b[0], a[1], b[1]} }
	const holds, warns = "steps of this build cannot reach the addresses of AWS's credentials", "warning: steps of this build can reach the addresses of AWS's credentials"
	for sentence, test := range map[string]struct {
		change func(*outside)
		want   []string
		says   string
	}{
		"Docker has a chain for this": {func(*outside) {}, slices.Concat(rules("DOCKER-USER", "REJECT"), rules("OUTPUT", "REJECT")), holds},
		"Docker has none":             {func(o *outside) { o.NoChain = true }, slices.Concat(rules("FORWARD", "REJECT"), rules("OUTPUT", "REJECT")), holds},
		"the kernel cannot reject": {
			func(o *outside) { o.NoJump = "REJECT" },
			slices.Concat(each(rules("DOCKER-USER", "REJECT"), rules("DOCKER-USER", "DROP")), each(rules("OUTPUT", "REJECT"), rules("OUTPUT", "DROP"))), holds,
		},
		"no rule is taken, and a step reaches them": {
			func(o *outside) { o.NoRules, o.Reaches = true, true },
			slices.Concat(each(rules("DOCKER-USER", "REJECT"), rules("DOCKER-USER", "DROP")), each(rules("OUTPUT", "REJECT"), rules("OUTPUT", "DROP"))), warns,
		},
		"the rules have no effect": {func(o *outside) { o.Reaches = true }, slices.Concat(rules("DOCKER-USER", "REJECT"), rules("OUTPUT", "REJECT")), warns},
	} {
		t.Run(sentence, func(t *testing.T) {
			b := newBench(t)
			test.change(&b.outside)
			got := b.build(t, nil)
			if !got.ok || !strings.Contains(got.said, test.says) {
				t.Errorf("%t: %s", got.ok, got.said)
			}
			if diff := cmp.Diff(test.want, got.of("iptables --wait --insert")); diff != "" {
				t.Errorf("(-want +called)\n%s", diff)
			}
			// This machine gets its network access back before the push needs a login,
			// and not sooner.
			var order []string
			for _, c := range got.calls {
				switch {
				case c.is("docker", "build"):
					order = append(order, "build")
				case c.is("iptables", "--wait", "--delete", "OUTPUT"):
					order = append(order, "open")
				case c.is("aws", "ecr", "get-login-password"):
					order = append(order, "login")
				}
			}
			if want := []string{"build", "open", "login"}; !b.outside.NoRules && !slices.Equal(slices.Compact(order), want) {
				t.Errorf("first to last: %q", order)
			}
			if n := len(got.of("iptables --wait --delete OUTPUT")); !b.outside.NoRules && n != 2 {
				t.Errorf("%d rules are deleted", n)
			}
		})
	}
}

// A build that fails leaves no rule behind either.
func TestAFailedBuildOpensTheWayAgain(t *testing.T) {
	b := newBench(t)
	b.outside.Fails = map[string]string{"build": "no"}
	if got := b.build(t, nil); got.ok || len(got.of("iptables --wait --delete OUTPUT")) != 2 || !strings.HasPrefix(got.reason(), "an image on top of") {
		t.Errorf("%t: %s", got.ok, got.said)
	}
}

func TestWithoutIptables(t *testing.T) {
	b := newBench(t)
	if err := os.Remove(filepath.Join(b.dir, "tools", "iptables")); err != nil {
		t.Fatal(err)
	}
	// What the script needs in addition, and nothing else of this machine's.
	for _, name := range []string{"bash", "jq", "env", "tee", "sed", "tail", "cat", "cp", "chmod", "mkdir", "mktemp", "rm"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(b.dir, "tools", name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.outside.Reaches = true
	got := b.build(t, map[string]string{"PATH": filepath.Join(b.dir, "tools")})
	if !got.ok || !strings.Contains(got.said, "no iptables\n") || !strings.Contains(got.said, "warning: steps of this build can reach the addresses of AWS's credentials") {
		t.Errorf("%t: %s", got.ok, got.said)
	}
}

// otherFiles is what a build says that was ordered by a fleet of another deployment.
const otherFiles = "try again: the image is ordered from other files than this build has: a deployment is under way; deploy again if that does not help"

// Each failure ends with one sentence, behind the mark by which the fleet finds it.
func TestABuildThatFails(t *testing.T) {
	fails := func(verb, said string) func(*outside) {
		return func(o *outside) { o.Fails = map[string]string{verb: said} }
	}
	for sentence, test := range map[string]struct {
		env    map[string]string
		change func(*outside)
		says   string
	}{
		"a base of another architecture": {
			nil, func(o *outside) { o.Arch = "arm64" },
			"the image " + node + " is for arm64, and the class of the job is x64: name an image for x64, or a class with arch: arm64",
		},
		"a base of x64 for arm64": {
			map[string]string{"IMAGE_ARCH": "arm64"}, nil,
			"the image " + node + " is for x64, and the class of the job is arm64: name an image for arm64, or a class with arch: x64",
		},
		"a list of images without the architecture": {
			nil, fails("pull", "Error response from daemon: no matching manifest for linux/amd64 in the manifest list entries"),
			"the image " + node + " is not there for x64: name one that is, or a class with another arch",
		},
		"a base that there is not": {
			nil, fails("pull", "Pulling from library/node\nError response from daemon: manifest for node:22-bookworm not found: manifest unknown: manifest unknown"),
			"the image " + node + " cannot be pulled: Error response from daemon: manifest for node:22-bookworm not found: manifest unknown: manifest unknown",
		},
		"a base whose name is a sign of what passes": {
			map[string]string{"BASE_IMAGE": "docker.io/toomanyrequests/timeout:1"}, fails("pull", "Error response from daemon: pull access denied for toomanyrequests/timeout, repository does not exist or may require 'docker login'"),
			"the image docker.io/toomanyrequests/timeout:1 cannot be pulled: Error response from daemon: pull access denied for toomanyrequests/timeout, repository does not exist or may require 'docker login'",
		},
		"too many pulls": {
			map[string]string{"DOCKER_HUB_MIRROR": "mirror.example"}, fails("pull", "Error response from daemon: toomanyrequests: You have reached your pull rate limit."),
			"try again: mirror.example takes no more pulls from here for now; with docker_hub_mirror or docker_hub_credentials Docker Hub takes more",
		},
		"a private base that is not configured": {
			map[string]string{"BASE_IMAGE": private + "/bases/web:1"}, fails("pull", "Error response from daemon: Head \"https://…\": no basic auth credentials"),
			"the image " + private + "/bases/web:1 cannot be pulled without a login: add its repository to base_image_repositories",
		},
		"a registry that takes no login": {
			map[string]string{"BASE_IMAGE": private + "/bases/web:1", "PULL_REGISTRIES": private, "NAMED_REPOSITORIES": private + "/*"}, fails("login", "Error response from daemon: denied"),
			"ECR does not let the build log in to " + private,
		},
		"credentials that Docker Hub does not take": {
			map[string]string{"DOCKER_HUB_SECRET": "hub"}, fails("login", "unauthorized: incorrect username or password"),
			"Docker Hub does not take the credentials of docker_hub_credentials: is the access token still valid?",
		},
		"a secret that there is not": {
			map[string]string{"DOCKER_HUB_SECRET": "hub"}, func(o *outside) { o.Secret = "" },
			"the secret of docker_hub_credentials cannot be read: is it there, in the fleet's region?",
		},
		"a secret of another form": {
			map[string]string{"DOCKER_HUB_SECRET": "hub"}, func(o *outside) { o.Secret = `{"username":"somebody","password":"token-of-docker-hub"}` },
			`the secret of docker_hub_credentials has another form than {"username": "…", "accessToken": "…"}`,
		},
		"a secret that is no JSON": {
			map[string]string{"DOCKER_HUB_SECRET": "hub"}, func(o *outside) { o.Secret = "token-of-docker-hub" },
			`the secret of docker_hub_credentials has another form than {"username": "…", "accessToken": "…"}`,
		},
		"a version that there is not": {
			map[string]string{"RUNNER_VERSION": "9.9.9"}, func(o *outside) { o.Release = "" },
			"GitHub has no runner version 9.9.9: set runner_version to one of github.com/actions/runner/releases",
		},
		"GitHub takes no more questions": {
			nil, func(o *outside) { o.Status = []string{"403", "429", "no answer", "502"} },
			"try again: GitHub does not say what runner version latest is (status 502)",
		},
		"a registry that is away": {
			nil, fails("pull", "received unexpected HTTP status: 503 Service Unavailable"),
			"try again: the image " + node + " cannot be pulled just now: received unexpected HTTP status: 503 Service Unavailable",
		},
		"a base with instructions of its own": {
			nil, func(o *outside) { o.OnBuild = "RUN sleep 3600" },
			"the image " + node + " runs instructions of its own in each build that begins from it (ONBUILD), which the fleet does for no image that a job names: name one without, or have an operator add it to extra_runner_images",
		},
		"a step that says it passes": {
			nil, fails("build", "#9 0.3 ecsrunner: try again: for ever"), "for ever",
		},
		"a release without checksums": {
			nil, func(o *outside) { o.Release = strings.ReplaceAll(release("2.300.0"), `"sha256:`+sumX64+`"`, "null") },
			"GitHub gives no checksum of runner version latest for x64: set runner_version to another version",
		},
		"an answer that is no release": {
			nil, func(o *outside) { o.Release = "<html>" },
			"GitHub gives no checksum of runner version latest for x64: set runner_version to another version",
		},
		"a hostile release": {
			nil, func(o *outside) { o.Release = release("2.330.0$(touch PWNED)") },
			"GitHub gives no checksum of runner version latest for x64: set runner_version to another version",
		},
		"another release than was asked for": {
			map[string]string{"RUNNER_VERSION": "2.329.0"}, nil, "GitHub gives runner version 2.330.0 for 2.329.0: build again",
		},
		"a step that says why, by BuildKit": {
			nil, fails("build", "#9 [checked 4/4] RUN [\"ecsrunner-entrypoint\"]\n#9 0.312 ecsrunner: the base image is built on musl\n#9 ERROR: exit code: 1\n"+
				"Dockerfile:15\n  15 | >>> RUN [\"/bin/sh\", \"-c\", \"echo ecsrunner: not this\"]\nERROR: process \"echo ecsrunner: nor this\" did not complete successfully: exit code: 1"),
			"the base image is built on musl",
		},
		"a step that says why, by the builder before": {
			nil, fails("build", "Step 5/20 : RUN echo ecsrunner: not this\n ---> Running in 0a0b\necsrunner: the base image has no shell\nThe command returned a non-zero code: 1"),
			"the base image has no shell",
		},
		"a step that does not": {
			nil, fails("build", "#8 E: Unable to locate package chromium\nERROR: failed to solve: process \"/bin/sh -c apt-get install chromium\" did not complete successfully: exit code: 100\n\n"),
			"an image on top of " + node + " cannot be built: ERROR: failed to solve: process \"/bin/sh -c apt-get install chromium\" did not complete successfully: exit code: 100",
		},
		"a builder that says nothing":               {nil, fails("build", ""), "an image on top of " + node + " cannot be built:"},
		"a label that is not deployed":              {map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "gone", "IMAGE_SOURCE": strings.Repeat("0", 16)}, nil, otherFiles},
		"files of the deployment before, or after":  {map[string]string{"IMAGE_SOURCE": "d1" + strings.Repeat("0", 14)}, nil, otherFiles},
		"an order of a fleet that knows no sources": {map[string]string{"IMAGE_SOURCE": ""}, nil, otherFiles},
		"a label that is not deployed, and no hash": {map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "gone", "IMAGE_SOURCE": ""}, nil, otherFiles},
		"a push that passes": {
			nil, fails("push", "push sha256:0a: unexpected EOF"), "try again: the image cannot be pushed to " + repository + " just now: push sha256:0a: unexpected EOF",
		},
		"an image that is not saved": {
			nil, fails("save", "no space left on device"), "docker does not save the image that was built: build again",
		},
		"a push that is not allowed": {
			nil, fails("push", "denied: User is not authorized to perform: ecr:PutImage"), "the image cannot be pushed to " + repository + ": denied: User is not authorized to perform: ecr:PutImage",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			b := newBench(t)
			if test.change != nil {
				test.change(&b.outside)
			}
			got := b.build(t, test.env)
			if got.ok || got.digest != "" || got.reason() != test.says {
				t.Errorf("exported %q, because: %s\nwant: %s\n%s", got.digest, got.reason(), test.says, got.said)
			}
			if test.says == otherFiles && len(got.calls) != 0 {
				t.Errorf("called %v", got.calls)
			}
			for _, secret := range credentials {
				if strings.Contains(got.said, secret) {
					t.Errorf("%s is told", secret)
				}
			}
			notPwned(t, b)
		})
	}
}

// What our own program prints is taken as a whole or not at all.
func TestWhatIsPublishedIsKnown(t *testing.T) {
	sum := "sha256:" + sumX64
	for _, prints := range []string{"done", sum, sum + " ", sum + " -1", sum + " 12 13", "sha256:0a 12", "x " + sum + " 12", sum + " 1234567890123456"} {
		b := newBench(t)
		b.outside.Prints = prints
		if got := b.build(t, nil); got.ok || got.digest != "" || got.reason() != "the image was pushed, and its digest is not known: build again" {
			t.Errorf("%q: exported %q: %s", prints, got.digest, got.said)
		}
	}
}

// Values that strangers may send, for every variable. Each is refused before any
// program is called; nothing of it runs.
func TestHostileValues(t *testing.T) {
	kinds := map[string]string{"IMAGE_LABEL": "extra", "PUBLISH_TAG": "base"}
	for _, name := range []string{
		"IMAGE_TAG", "IMAGE_REVISION", "IMAGE_KIND", "IMAGE_ARCH", "IMAGE_REPOSITORY", "BASE_IMAGE", "IMAGE_LABEL", "IMAGE_SOURCE", "PUBLISH_TAG", "RUNNER_VERSION", "RUNNER_RELEASE", "RUNNER_SHA256",
		"DEFAULT_BASE", "SUDO", "IMAGE_COMPRESSION", "SOCI_INDEX", "DOCKER_HUB_MIRROR", "DOCKER_HUB_SECRET", "PULL_REGISTRIES", "NAMED_REPOSITORIES",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t) // nothing changes it
			for _, value := range []string{
				"$(touch PWNED)", "`touch PWNED`", "node:22; touch PWNED", "node:22\ntouch PWNED", "node:22\n", "\nnode:22", "node:22 --push", "--help", "-v", " node:22", "node:22 ",
				"node:22'", `node:22"`, `node:22\`, "ghcr.io/${X}", "node:22\r", "node:22\t", "*", "a[$(touch PWNED)]", "café:1", "ｎode:22", "node:22\u00a0", "node:" + strings.Repeat("2", 600),
			} {
				env := map[string]string{name: value}
				if kind := kinds[name]; kind != "" {
					env["IMAGE_KIND"] = kind
				}
				got := b.build(t, env)
				if got.ok || got.digest != "" || len(got.calls) != 0 || got.reason() != name+" is not what it must be; the build was not started by the fleet" {
					t.Errorf("%q: exported %q, called %v: %s", value, got.digest, got.calls, got.said)
				}
				notPwned(t, b)
			}
		})
	}
}

func notPwned(t *testing.T, b bench) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(b.dir, "context", "PWNED")); err == nil {
		t.Fatal("a value was run")
	}
}

// Further values that each variable must not have.
func TestRefusedValues(t *testing.T) {
	b := newBench(t)
	refused := func(name, value, kind string) {
		got := b.build(t, map[string]string{"IMAGE_KIND": kind, name: value})
		if got.ok || len(got.calls) != 0 || !strings.HasPrefix(got.reason(), name+" is not what it must be") {
			t.Errorf("%s=%q: called %v: %s", name, value, got.calls, got.said)
		}
	}
	for name, values := range map[string][]string{
		"IMAGE_TAG":          {"", contentTag + "0", strings.ToUpper(contentTag), contentTag[1:], "base"},
		"IMAGE_REVISION":     {"", "0", "-1", "+1", "01", "1.0", "1e3", "0x1", "1234567890"},
		"IMAGE_ARCH":         {"", "amd64", "X64"},
		"IMAGE_REPOSITORY":   {"", "docker.io/o/r", repository[1:], "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example/ci", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/-ci", repository + ":tag", repository + strings.Repeat("i", 300)},
		"BASE_IMAGE":         {"", "../../etc", "/etc", "Node:22", "[::1]:5000/x:1", strings.Repeat("a", 256)},
		"RUNNER_VERSION":     {"newest", "2.330", "v2.330.0", "2.330.0-beta", "2.330.0/../x"},
		"RUNNER_RELEASE":     {"latest", "2.330", "2.330.0.1"},
		"IMAGE_SOURCE":       {strings.Repeat("0", 15), strings.Repeat("0", 17), strings.Repeat("A", 16)},
		"RUNNER_SHA256":      {sumX64[1:], strings.ToUpper(sumX64), "sha256:" + sumX64},
		"SUDO":               {"True", "1", "yes"},
		"IMAGE_COMPRESSION":  {"GZIP", "zstd:chunked", "gzip zstd"},
		"SOCI_INDEX":         {"True", "1", "v2"},
		"DOCKER_HUB_MIRROR":  {"https://mirror.example", "mirror.example/", "mirror.example//x", "mirror.example/../x", "user@mirror.example", "mirror.example:x"},
		"DOCKER_HUB_SECRET":  {strings.Repeat("a", 513)},
		"NAMED_REPOSITORIES": {"*", "docker.io", "docker.io*", "docker.io/lib*", "docker.io/*/x", "docker.io//x", "docker.io/x ", "Docker.io/x"},
		"PULL_REGISTRIES":    {"docker.io", private + "  " + private, private + " ", private + "," + private, private + "/x"},
	} {
		for _, value := range values {
			refused(name, value, "on_demand")
		}
	}
	for _, kind := range []string{"", "Base", "base|extra", "extra "} {
		refused("IMAGE_KIND", kind, kind)
	}
	for _, label := range []string{"", "x/../../..", "x/..", "a/../tools", "..", "/etc", strings.Repeat("a", 256)} {
		refused("IMAGE_LABEL", label, "extra")
	}
	for _, tag := range []string{"", "a/b", "a:b", ".a", strings.Repeat("a", 129)} {
		refused("PUBLISH_TAG", tag, "base")
	}
}

// An accepted value is one argument, unchanged.
func TestVerbatimValues(t *testing.T) {
	longest := "ghcr.io/" + strings.Repeat("a", 245) + ":1"
	arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ci/docker+hub@x.y=z-AbCdEf"
	for name, test := range map[string]struct {
		env  map[string]string
		want []string // arguments
	}{
		"the longest base":       {map[string]string{"BASE_IMAGE": longest}, []string{longest}},
		"a base with a port":     {map[string]string{"BASE_IMAGE": "registry.example:5000/a_b/c--d:T.1_2"}, []string{"registry.example:5000/a_b/c--d:T.1_2"}},
		"a secret by its ARN":    {map[string]string{"DOCKER_HUB_SECRET": arn}, []string{arn}},
		"the longest publish":    {map[string]string{"IMAGE_KIND": "base", "PUBLISH_TAG": strings.Repeat("a", 128)}, []string{strings.Repeat("a", 128)}},
		"a label with all there": {map[string]string{"IMAGE_KIND": "extra", "IMAGE_LABEL": "team/c++_web.1-x"}, []string{"extra/team/c++_web.1-x/A file; $(x).ci", "extra/team/c++_web.1-x"}},
		"the largest revision":   {map[string]string{"IMAGE_REVISION": "999999999"}, []string{contentTag + "-999999999"}},
		"a repository in China":  {map[string]string{"IMAGE_REPOSITORY": "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b.c"}, []string{"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b.c"}},
		"no sudo":                {map[string]string{"SUDO": "false"}, []string{"ECSRUNNER_SUDO=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			folder := filepath.Join(b.dir, "context", "extra", "team", "c++_web.1-x")
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(folder, ".dockerfile"), "A file; $(x).ci")
			b.deploy(t, map[string]string{"base:x64": "b0", "on_demand:x64": "d0", "extra:team/c++_web.1-x:x64": "e0"})
			got := b.build(t, test.env)
			if !got.ok {
				t.Fatal(got.said)
			}
			for _, want := range test.want {
				if !slices.ContainsFunc(got.calls, func(c call) bool { return slices.Contains(c.Args, want) }) {
					t.Errorf("no argument is %q:\n%v", want, got.calls)
				}
			}
		})
	}
}

// Failures that pass by themselves are the same here and on one machine.
func TestTheSignsOfWhatPasses(t *testing.T) {
	for _, sign := range fleet.PassingSigns() {
		if !strings.Contains(build, "'"+sign+"'") {
			t.Errorf("build.sh does not know %q", sign)
		}
	}
	_, list, _ := strings.Cut(build, "for sign in ")
	list, _, _ = strings.Cut(list, "; do")
	if n := strings.Count(list, "'") / 2; n != len(fleet.PassingSigns()) {
		t.Errorf("build.sh knows %d signs, the fleet %d", n, len(fleet.PassingSigns()))
	}
}

// A repository is named for a build if, and only if, allowed_registries lets a job name it.
func TestNamedRepositories(t *testing.T) {
	_, text, found := strings.Cut(build, "\nnamed() {")
	text, _, ended := strings.Cut(text, "\n}\n")
	if !found || !ended {
		t.Fatal("build.sh has no named")
	}
	patterns := []string{"ghcr.io/acme/*", "quay.io/acme/ci", "registry.example:5000/a/b/*", "mcr.microsoft.com/*"}
	for _, image := range []string{
		"ghcr.io/acme/a:1", "ghcr.io/acme/a/b:1", "ghcr.io/acme:1", "ghcr.io/acmecorp/a:1", "quay.io/acme/ci:1", "quay.io/acme/ci2:1", "quay.io/acme/ci/x:1",
		"registry.example:5000/a/b/c:1", "registry.example:5000/a/b:1", "registry.example/a/b/c:1", "mcr.microsoft.com/x:1", "docker.io/library/node:22", "docker.io/acme/a:1",
		"ghcr.io/acme/a@sha256:" + sumX64, "ghcr.io/acme/a:1@sha256:" + sumX64, "ghcr.io/other/acme/a:1",
	} {
		_, err := fleet.ParseImage(image, append([]string{"docker.io/library/*"}, patterns...))
		script := "named() {" + text + "\n}\nif named \"$1\"; then echo named; fi"
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script, "named", image)
		cmd.Env = append(os.Environ(), "IMAGE_KIND=on_demand", "NAMED_REPOSITORIES="+strings.Join(patterns, " "))
		out, failed := cmd.CombinedOutput()
		if failed != nil || (string(out) == "named\n") != (err == nil) {
			t.Errorf("%s: build.sh says %q, %v; the fleet %v", image, out, failed, err)
		}
	}
}

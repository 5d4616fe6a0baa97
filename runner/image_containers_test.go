//go:build containers

package runner_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// oven builds the Dockerfile with a real engine. GitHub's runner is a stand-in, which is
// downloaded and checked as the real one is.
type oven struct {
	t          *testing.T
	engine     *container.Engine
	source     string
	sum        string
	entrypoint string
	said       bytes.Buffer
}

const version = "2.336.0"

func newOven(t *testing.T) *oven {
	t.Helper()
	engine, err := container.Connect(t.Context(), "")
	if err != nil {
		t.Fatalf("%v: `make test-containers` starts one", err)
	}
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	script := "#!/bin/sh\necho the stand-in runs\n"
	if err := errors.Join(archive.WriteHeader(&tar.Header{Name: "run.sh", Mode: 0o755, Size: int64(len(script))}), second(archive.Write([]byte(script))), archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v"+version+"/actions-runner-linux-x64-"+version+".tar.gz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(packed.Bytes())
	}))
	t.Cleanup(server.Close)
	o := &oven{t: t, engine: engine, source: server.URL, sum: fmt.Sprintf("%x", sha256.Sum256(packed.Bytes())), entrypoint: filepath.Join(t.TempDir(), "entrypoint")}
	build := exec.Command("go", "build", "-o", o.entrypoint, "./cmd/entrypoint")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return o
}

func second[T any](_ T, err error) error { return err }

// layer puts the runner into a base image. Arguments override the usual ones.
func (o *oven) layer(base, name string, args ...string) (id string, err error) {
	all := map[string]string{
		"BASE_IMAGE": base, "BUILDER_IMAGE": "docker.io/bases/bookworm:1", "ECSRUNNER_VERSION": version, "ECSRUNNER_SOURCE": o.source, "ECSRUNNER_SHA256": o.sum,
		"ECSRUNNER_ARCH": "amd64", "ECSRUNNER_RUNNER_ARCH": "x64", "ECSRUNNER_SUDO": "true",
	}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		all[key] = value
	}
	return o.bake("Dockerfile", name, all, func(w io.Writer) error { return runner.Tar(w, map[string]string{"amd64": o.entrypoint}) })
}

// from builds an image of a Dockerfile's text.
func (o *oven) from(name, dockerfile string, args map[string]string) {
	o.t.Helper()
	_, err := o.bake("Dockerfile", name, args, func(w io.Writer) error {
		archive := tar.NewWriter(w)
		return errors.Join(archive.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}), second(archive.Write([]byte(dockerfile))), archive.Close())
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *oven) bake(dockerfile, name string, args map[string]string, fill func(io.Writer) error) (string, error) {
	o.said.Reset()
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(fill(writer)) }()
	defer reader.Close()
	id, err := o.engine.Build(o.t.Context(), container.BuildRequest{Context: reader, Dockerfile: dockerfile, Args: args, Tag: name, Arch: fleet.X64, Output: &o.said})
	if err == nil {
		o.t.Cleanup(func() { _ = o.engine.RemoveImage(o.t.Context(), name) })
	}
	return id, err
}

// run runs a command in an image, as the image's user and in its directory, past its
// entrypoint, and returns what it printed.
func (o *oven) run(image, script string) (said string, exit int) {
	o.t.Helper()
	stopped := make(chan fleet.Task, 10)
	dir := o.t.TempDir()
	runner, err := container.New(container.Config{Engine: o.engine, FleetName: "oven", Dir: dir, Network: "bridge", Grace: time.Second})
	if err != nil {
		o.t.Fatal(err)
	}
	l, err := task.Open(o.t.Context(), task.Config{Dir: dir, Runner: runner, Notify: func(task fleet.Task) {
		if task.LastStatus == fleet.TaskStopped {
			stopped <- task
		}
	}})
	if err != nil {
		o.t.Fatal(err)
	}
	defer l.Close(o.t.Context())
	// The image's own entrypoint would claim a credential: another command takes its
	// place.
	_, err = l.Launch(o.t.Context(), task.Spec{RunnerID: "oven-1-1", Image: image, CPU: 1024, Memory: 512, Entrypoint: []string{"/bin/sh", "-c", script}})
	if err != nil {
		o.t.Fatal(err)
	}
	end := <-stopped
	text, err := os.ReadFile(filepath.Join(dir, "logs", "oven-1-1.log"))
	if err != nil {
		o.t.Fatal(err)
	}
	if end.ExitCode() == nil {
		return string(text) + end.StoppedReason, -1
	}
	return string(text), *end.ExitCode()
}

const look = `
	echo "user $(id -un) $(id -gn) in $PWD home $HOME"
	[ -x run.sh ] && [ -w . ] && [ -w run.sh ] && ./run.sh
	[ -x /usr/local/bin/ecsrunner-entrypoint ] && echo entrypoint
	git --version >/dev/null && curl --version >/dev/null && [ -s /etc/ssl/certs/ca-certificates.crt ] && echo tools
	for tool in unzip zip xz zstdmt bzip2 jq ssh gpg gpg-agent lsb_release file wget rsync python3; do command -v $tool >/dev/null || echo "no $tool"; done
	lsb_release -i -r -s >/dev/null && echo actions
	ls /var/cache/apt/archives/*.deb 2>/dev/null
	sudo -n id -un 2>/dev/null || echo no sudo
	docker version 2>&1; echo "docker $?"
	ls /ecsrunner 2>/dev/null || true
`

// The Dockerfile on different bases, and on bases that set everything that a base can
// set.
func TestContainersOfImages(t *testing.T) {
	o := newOven(t)
	o.from("localhost/oven/odd:1", `FROM docker.io/bases/bookworm:1
RUN useradd --uid 1000 somebody && useradd --uid 1234 --home-dir /elsewhere --shell /usr/sbin/nologin runner
USER 1234
ENV HOME=/nowhere SUDO=no ARCH=sparc RUNNER_VERSION=1.0.0
WORKDIR /srv/app
ENTRYPOINT ["/bin/false"]
CMD ["never"]
`, nil)
	runners, entrypoints := map[digest.Digest]string{}, map[digest.Digest]string{}
	for base, sudo := range map[string]string{"docker.io/bases/bookworm:1": "true", "docker.io/bases/trixie:1": "false", "localhost/oven/odd:1": "true"} {
		const name = "localhost/oven/runner:1"
		id, err := o.layer(base, name, "ECSRUNNER_SUDO="+sudo)
		if err != nil {
			t.Fatalf("%s: %v\n%s", base, err, o.said.String())
		}
		labels, err := o.engine.ImageLabels(t.Context(), id)
		if err != nil || labels["ecsrunner.runner"] != "true" || labels["ecsrunner.runner-version"] != version {
			t.Errorf("%s: labels %v, %v", base, labels, err)
		}
		said, exit := o.run(name, look)
		root := map[string]string{"true": "root", "false": "no sudo"}[sudo]
		want := []string{"user runner runner in /home/runner/actions-runner home /home/runner", "the stand-in runs", "entrypoint", "tools", "actions", root, "docker: this runner is a container that has no container engine", "docker 1"}
		if base == "localhost/oven/odd:1" { // a user who was there before keeps the group
			want[0] = "user runner "
		}
		if strings.Contains(said, "\nno ") && sudo == "true" || strings.Contains(said, ".deb") {
			t.Errorf("%s: something is missing, or left over:\n%s", base, said)
		}
		for _, line := range want {
			if !strings.Contains(said, line) {
				t.Errorf("%s: no %q in (exit status %d)\n%s", base, line, exit, said)
			}
		}
		runner, entrypoint := o.lastLayers(name)
		runners[runner], entrypoints[entrypoint] = base, base
	}
	// Where the user has the same number, all images share the runner's layer.
	if len(runners) != 2 || len(entrypoints) != 1 {
		t.Errorf("layers of the runner %v, of the entrypoint %v", runners, entrypoints)
	}
}

func TestContainersOfImagesThatCannotBeBuilt(t *testing.T) {
	o := newOven(t)
	for name, c := range map[string]struct {
		base string
		args []string
		says string
	}{
		"another checksum":        {"docker.io/bases/bookworm:1", []string{"ECSRUNNER_SHA256=" + strings.Repeat("0a", 32)}, "the download of runner 2.336.0 has another checksum than GitHub says"},
		"musl":                    {"docker.io/bases/musl:1", nil, "the base image is built on musl"},
		"no shell":                {"docker.io/bases/noshell:1", nil, "the base image has no shell"},
		"another architecture":    {"docker.io/bases/arm64:1", nil, "the base image is for arm64, and the class of the job is x64"},
		"no such version":         {"docker.io/bases/bookworm:1", []string{"ECSRUNNER_VERSION=2.1.0"}, ""},
		"arguments are no script": {"docker.io/bases/bookworm:1", []string{"ECSRUNNER_SHA256=$(touch /pwned); exit 0 #"}, "the download of runner 2.336.0 has another checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.layer(c.base, "localhost/oven/never:1", c.args...)
			var failed *container.BuildError
			if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), c.says) || len([]rune(err.Error())) > 300 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\n%s", err, o.said.String())
			}
		})
	}
}

// A user's own image on top of the base image may end as root, and becomes a runner
// image again.
func TestContainersOfExtraImages(t *testing.T) {
	o := newOven(t)
	if _, err := o.layer("docker.io/bases/bookworm:1", "localhost/oven/base:1"); err != nil {
		t.Fatalf("%v\n%s", err, o.said.String())
	}
	o.from("localhost/oven/extra:1", "ARG RUNNER_BASE\nFROM ${RUNNER_BASE}\nUSER root\nRUN echo tool >/usr/local/bin/tool\nWORKDIR /\nENTRYPOINT [\"/bin/sh\"]\n", map[string]string{"RUNNER_BASE": "localhost/oven/base:1"})
	_, err := o.bake(runner.Again, "localhost/oven/again:1", map[string]string{"BASE_IMAGE": "localhost/oven/extra:1"}, func(w io.Writer) error { return runner.Tar(w, nil) })
	if err != nil {
		t.Fatalf("%v\n%s", err, o.said.String())
	}
	if said, _ := o.run("localhost/oven/again:1", look+"\ncat /usr/local/bin/tool"); !strings.Contains(said, "user runner runner in /home/runner/actions-runner") || !strings.HasSuffix(said, "tool\n") {
		t.Errorf("it says %s", said)
	}
}

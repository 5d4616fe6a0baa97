//go:build containers

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// Images that scripts/test-containers has loaded into the engine.
const (
	bookworm = "docker.io/bases/bookworm:1"
	trixie   = "bases/trixie:1" // as a label names it
)

// The demo with containers: every runner is a container, of an image that was really
// built.
func TestContainersDemo(t *testing.T) {
	var out, talk bytes.Buffer
	if status := run([]string{"demo", "--engine", "docker", "--json", "--base-image", bookworm}, &out, &talk); status != 0 {
		t.Fatalf("exit status %d: %s", status, talk.String())
	}
	var runs []report.Run
	if err := json.Unmarshal(out.Bytes(), &runs); err != nil {
		t.Fatal(err)
	}
	completed := 0
	for _, r := range runs {
		if r.Status == fleet.RunCompleted {
			completed++
		}
	}
	if completed != 8 || !strings.Contains(talk.String(), "8 of 8 jobs COMPLETED") {
		t.Errorf("%d completed: %s", completed, talk.String())
	}
	nothingIsLeft(t)
}

// nothingIsLeft checks that a demo left nothing in the engine.
func nothingIsLeft(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	engine, err := container.Connect(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if images, err := engine.ImagesTagged(ctx, "localhost/ecsrunner/"); err != nil || len(images) != 0 {
		t.Errorf("images are left: %q, %v", images, err)
	}
	if containers, err := engine.ContainersLabelled(ctx, "ecsrunner.fleet", demoFleet); err != nil || len(containers) != 0 {
		t.Errorf("containers are left: %q, %v", containers, err)
	}
	if networks, err := engine.PodmanNetworksLabelled(ctx, "ecsrunner.fleet", demoFleet); err != nil || len(networks) != 0 {
		t.Errorf("networks are left: %q, %v", networks, err)
	}
}

// containerWorld is a demo's fleet with containers, for jobs of a test's own.
type containerWorld struct {
	*demoWorld
	t   *testing.T
	dir string
}

func newContainerWorld(t *testing.T) *containerWorld {
	t.Helper()
	dir := t.TempDir()
	var talk bytes.Buffer
	world, err := startDemo(t.Context(), dir, newProgress(&talk), demoFlags{engine: engineDocker, baseImage: bookworm})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.stop(context.Background()); err != nil {
			t.Error(err)
		}
		nothingIsLeft(t)
	})
	return &containerWorld{world, t, dir}
}

// claimURL is where the containers claim.
func (w *containerWorld) claimURL() string {
	_, port, err := net.SplitHostPort(w.fleet.Addr())
	if err != nil {
		w.t.Fatal(err)
	}
	return "http://" + net.JoinHostPort(w.containers.host(), port)
}

func (w *containerWorld) queue(script string, labels ...string) int64 {
	return w.github.Queue(sim.JobSpec{Workflow: "test", Name: "job", Labels: append([]string{"self-hosted"}, labels...), Steps: []sim.StepSpec{{Name: "step", Run: script}}})
}

// ran waits for a job's end and returns its run with what the developer can read.
func (w *containerWorld) ran(id int64) (fleet.Run, string) {
	w.t.Helper()
	if err := w.await(w.t.Context(), []int64{id}); err != nil {
		w.t.Fatal(err)
	}
	run, _, err := w.fleet.Source().Run(w.t.Context(), fleet.RunID(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return run, strings.Join(w.github.JobLog(id), "\n")
}

// setBack waits until the job's run waits for its next try, and returns it.
func (w *containerWorld) setBack(id int64) fleet.Run {
	w.t.Helper()
	for {
		run, _, err := w.fleet.Source().Run(w.t.Context(), fleet.RunID(id))
		if err != nil {
			w.t.Fatal(err)
		}
		if run.Retrying() {
			return run
		}
		select {
		case <-w.changed:
		case <-w.t.Context().Done():
			w.t.Fatalf("%s: %s: %s", run.RunID, run.Shown(), run.Reason)
		}
	}
}

// What a job in a container can do and see, on two bases.
func TestContainersOfJobs(t *testing.T) {
	w := newContainerWorld(t)
	if err := os.WriteFile(w.dir+"/secret", []byte("of the fleet"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`
		. /etc/os-release; echo "on $VERSION_CODENAME as $(id -un)"
		echo "root is $(sudo id -un)"
		git --version && curl --version | head -n 1 && ls /etc/ssl/certs/ca-certificates.crt
		grep CapEff /proc/self/status
		ls %s /var/run/docker.sock 2>&1 || echo "sees nothing of the fleet"
		env | grep -c CLAIM || echo "knows of no claim"
		for path in /api/runs /webhook /healthz /runners/x/claim; do curl -s -o /dev/null -w "$path %%{http_code}\n" -X POST "%s$path" || true; done
		docker build . || echo "docker exits $?"
	`, w.dir, w.claimURL())
	for label, codename := range map[string]string{"": "bookworm", "image:" + trixie: "trixie"} {
		labels := []string{"class:small"}
		if label != "" {
			labels = append(labels, label)
		}
		run, log := w.ran(w.queue(script, labels...))
		if run.Conclusion != "success" {
			t.Fatalf("%s: %s %s: %s\n%s", label, run.Status, run.Conclusion, run.Reason, log)
		}
		for _, want := range []string{
			"on " + codename + " as runner", "root is root", "git version", "ca-certificates.crt", "CapEff:\t00000000", "sees nothing of the fleet", "knows of no claim", "/runners/x/claim 4",
			"docker: this runner is a container that has no container engine", "docker exits 1",
		} {
			if !strings.Contains(log, want) {
				t.Errorf("%s: the log has no %q:\n%s", label, want, log)
			}
		}
		for _, path := range []string{"/api/runs", "/webhook", "/healthz"} {
			if !strings.Contains(log, path+" 404") {
				t.Errorf("%s: a job reaches %s of the fleet:\n%s", label, path, log)
			}
		}
	}
}

// Bases that cannot work, each with its one sentence on the run. They stop no job on
// the fleet's own image, whose build goes on beside theirs: Podman 4.3 panics when the
// client of a build leaves, so that build must end before the fleet does.
func TestContainersOfBasesThatCannotWork(t *testing.T) {
	w := newContainerWorld(t)
	wants := map[string]string{
		"bases/musl:1":    "Image.BuildFailed: the base image is built on musl, as Alpine is, and GitHub's runner needs glibc",
		"bases/noshell:1": "Image.BuildFailed: the base image has no shell (/bin/sh)",
		"bases/arm64:1":   "Image.BuildFailed: the base image is for arm64, and the class of the job is x64: name an image for x64, or a class with arch: arm64",
		"bases/gone:1":    "Image.BuildFailed: the image docker.io/bases/gone:1 cannot be pulled: ",
		// It is in the engine, and in no registry.
		"bases/onlyhere:1": "Image.BuildFailed: the image docker.io/bases/onlyhere:1 cannot be pulled: ",
		"bases/onbuild:1":  "Image.BuildFailed: the image docker.io/bases/onbuild:1 runs instructions of its own in each build that begins from it (ONBUILD)",
	}
	ids := map[string][]int64{}
	for base := range wants {
		for range 3 {
			ids[base] = append(ids[base], w.queue("echo never", "class:small", "image:"+base))
		}
	}
	if run, log := w.ran(w.queue("true", "class:small")); run.Conclusion != "success" {
		t.Errorf("%s: %s\n%s", run.Status, run.Reason, log)
	}
	for base, want := range wants {
		for _, id := range ids[base] {
			if run := w.setBack(id); !strings.HasPrefix(run.Reason, want) || len(run.Reason) > 360 {
				t.Errorf("%s: %s: %s", base, run.Status, run.Reason)
			}
			if err := w.github.Cancel(id); err != nil {
				t.Error(err)
			}
			if run, _ := w.ran(id); run.Status != fleet.RunCancelled {
				t.Errorf("%s: after its job was cancelled the run is %s: %s", base, run.Status, run.Reason)
			}
		}
	}
	images, err := report.Images(t.Context(), w.fleet.Source(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	failed := slices.DeleteFunc(images, func(i report.Image) bool { return i.Status != report.ImageFailed })
	if len(failed) != len(wants) {
		t.Errorf("failed are %+v", failed)
	}
	if logs, err := os.ReadDir(w.dir + "/builds"); err != nil || len(logs) != len(wants)+1 { // and the base image's
		t.Errorf("%d builds for %d images, %v", len(logs), len(wants), err)
	}
}

package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// yard is a container engine that only builds: each build waits until it is let go.
type yard struct {
	mu       sync.Mutex
	requests []container.BuildRequest
	says     error
	let      chan struct{}
	asked    func() // called when a build begins
}

func newYard() *yard { return &yard{let: make(chan struct{}), asked: func() {}} }

func (y *yard) build(ctx context.Context, request container.BuildRequest) (string, error) {
	_, _ = io.Copy(io.Discard, request.Context)
	fmt.Fprintln(request.Output, "building for", request.Args["BASE_IMAGE"])
	y.mu.Lock()
	y.requests = append(y.requests, request)
	id, let, asked := fmt.Sprintf("sha256:%064d", len(y.requests)), y.let, y.asked
	y.mu.Unlock()
	asked()
	select {
	case <-let:
		y.mu.Lock()
		defer y.mu.Unlock()
		return id, y.says
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// bases are the base images of the builds, in their order.
func (y *yard) bases() (bases []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, r := range y.requests {
		bases = append(bases, r.Args["BASE_IMAGE"])
	}
	return bases
}

// arguments are those of the first build from a base image.
func (y *yard) arguments(base string) map[string]string {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, r := range y.requests {
		if r.Args["BASE_IMAGE"] == base {
			return r.Args
		}
	}
	return nil
}

// open lets all builds end; later ones end at once.
func (y *yard) open(says error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.says = says
	close(y.let)
}

// mend lets builds succeed from now on.
func (y *yard) mend() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.says = nil
}

// withImages is a fleet that builds images in the yard. The sweep is left out where it
// would build by itself.
func withImages(t *testing.T, y *yard, options ...option) *world {
	w := newWorld(t, append([]option{func(c *local.Config, s *sim.Config) {
		c.BuildsOn(local.TestEngine{Builds: y.build})
		c.Policy.RunnerVersion, c.Policy.MaxRunners = fleet.LatestRunner, 60
		c.SweepEvery = time.Hour
		s.RunnerArchives = map[string][]byte{"x64": []byte("archive"), "arm64": []byte("archive")}
	}}, options...)...)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.asked = w.touch
	return w
}

func (w *world) lockOf(tag string) fleet.BuildLock {
	w.t.Helper()
	lock, err := w.fleet.Source().BuildLock(context.Background(), tag)
	if err != nil {
		w.t.Fatal(err)
	}
	return lock
}

// node is what jobs with the label image:node:22 run in.
func (w *world) node() fleet.ImageSpec {
	w.t.Helper()
	spec, err := w.config.Policy.ImageNamed("node:22", fleet.X64)
	if err != nil {
		w.t.Fatal(err)
	}
	return spec
}

const nodeImage = "docker.io/library/node:22"

// onlyNode are the builds that jobs asked for, beside the base image's.
func onlyNode(bases []string) []string {
	return slices.DeleteFunc(bases, func(base string) bool { return base != nodeImage })
}

func TestFiftyJobsOneBuild(t *testing.T) {
	y := newYard()
	w := withImages(t, y)
	var jobs []int64
	for range 50 {
		jobs = append(jobs, w.github.Queue(job("image:node:22")))
	}
	w.await("all wait", func() bool { return len(w.lockOf(w.node().Tag()).Waiters) == 50 })
	y.open(nil)
	w.awaitEnd(jobs...)
	for _, id := range jobs {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("%s: %s %s %s", run.RunID, run.Status, run.Conclusion, run.Reason)
		}
	}
	if built := onlyNode(y.bases()); len(built) != 1 {
		t.Errorf("builds of %q", built)
	}
	w.await("the lock is given up", func() bool { return w.lockOf(w.node().Tag()).Owner == "" })
	args := y.arguments(nodeImage)
	want := map[string]string{"ECSRUNNER_VERSION": "2.336.0", "ECSRUNNER_ARCH": "amd64", "BASE_IMAGE": nodeImage, "ECSRUNNER_SUDO": "false", "BUILDER_IMAGE": ""}
	for name, value := range want {
		if args[name] != value {
			t.Errorf("argument %s is %q, want %q", name, args[name], value)
		}
	}
	if len(args["ECSRUNNER_SHA256"]) != 64 || !strings.HasSuffix(args["ECSRUNNER_SOURCE"], "/actions/runner/releases/download") {
		t.Errorf("the download is %v", args)
	}
}

func TestManyJobsWithABaseThatFails(t *testing.T) {
	const why = "the base image is built on musl, and GitHub's runner needs glibc"
	y := newYard()
	w := withImages(t, y)
	var jobs []int64
	for range 25 { // each has two runners, and 60 may start at once
		jobs = append(jobs, w.github.Queue(job("image:node:22")))
	}
	w.await("all wait", func() bool { return len(w.lockOf(w.node().Tag()).Waiters) == 25 })
	y.open(errors.New(why))
	for _, id := range jobs {
		w.awaitRetry(id)
	}
	late := w.github.Queue(job("image:node:22"))
	w.awaitRetry(late)
	jobs = append(jobs, late)
	for _, id := range jobs {
		run := w.run(id)
		if !strings.HasPrefix(run.Reason, fleet.ImageBuildFailed+": "+why) || run.Setback.Hold != fleet.BuildHold(w.node().Tag()) {
			t.Errorf("%s waits for %s: %s", run.RunID, run.Setback.Hold, run.Reason)
		}
	}
	if run := w.run(late); run.Launched != 0 {
		t.Errorf("%d runners were launched for a job that came after the failure", run.Launched)
	}
	if built := onlyNode(y.bases()); len(built) != 1 {
		t.Errorf("builds of %q", built)
	}
	image, err := report.ShowImage(t.Context(), w.fleet.Source(), w.node().Tag(), time.Now())
	if err != nil || image.Status != report.ImageFailed || image.Reason() != why {
		t.Errorf("the image is shown as %+v, %v", image, err)
	}
	log, err := os.ReadFile(local.BuildLogPath(w.dir, image.BuildID))
	if err != nil || string(log) != "building for "+nodeImage+"\necsrunner: "+why+"\n" {
		t.Errorf("the build's log is %q, %v", log, err)
	}

	y.mend()
	if _, err := w.operator().BuildImage(t.Context(), w.node(), fleet.Operator{}); err != nil {
		t.Fatal(err)
	}
	w.awaitEnd(jobs...)
	for _, id := range jobs {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("after a build that succeeded %s is %s %s: %s", run.RunID, run.Status, run.Conclusion, run.Reason)
		}
	}
}

// A build dies with the fleet's process. The next process starts it again, and no
// runner waits for a lease.
func TestABuildIsTakenUp(t *testing.T) {
	y := newYard()
	w := withImages(t, y)
	var jobs []int64
	for range 5 {
		jobs = append(jobs, w.github.Queue(job("image:node:22")))
	}
	w.await("all wait", func() bool { return len(w.lockOf(w.node().Tag()).Waiters) == 5 })
	w.await("it is being built", func() bool { return len(onlyNode(y.bases())) == 1 })
	owner := w.lockOf(w.node().Tag()).Owner
	w.stop(time.Minute)
	w.start()
	w.await("it is built again", func() bool { return len(onlyNode(y.bases())) == 2 })
	if lock := w.lockOf(w.node().Tag()); lock.Owner != owner {
		t.Errorf("the lock is %+v, and was %s's", lock, owner)
	}
	y.open(nil)
	w.awaitEnd(jobs...)
	for _, id := range jobs {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("%s: %s %s %s", run.RunID, run.Status, run.Conclusion, run.Reason)
		}
	}
}

// Images of the configuration are there before a job wants them.
func TestTheBaseImageIsBuiltAtOnce(t *testing.T) {
	y := newYard()
	y.open(nil)
	w := withImages(t, y)
	w.await("the base image", func() bool { return w.imageCalled("base").Status == report.ImageReady })
	image := w.imageCalled("base")
	if image.Revision != 1 || image.RunnerVersion != "2.336.0" {
		t.Errorf("the base image is %+v", image)
	}
}

func (w *world) imageCalled(name string) report.Image {
	w.t.Helper()
	images, err := report.Images(context.Background(), w.fleet.Source(), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range images {
		if i.Image == name {
			return i
		}
	}
	return report.Image{}
}

// awaitRevision waits until an image has the revision, and until the build has released
// its lock, which it does last. Until then the image can be neither built nor removed.
func (w *world) awaitRevision(name string, revision int) {
	w.t.Helper()
	w.await(fmt.Sprintf("revision %d of %s", revision, name), func() bool {
		i := w.imageCalled(name)
		return i.Revision == revision && w.lockOf(i.Tag).Owner == ""
	})
}

// A new version of the runner makes a new revision while the old one serves.
func TestANewRunnerVersion(t *testing.T) {
	y := newYard()
	y.open(nil)
	w := withImages(t, y)
	w.awaitRevision("base", 1)

	next := newYard()
	w.config.BuildsOn(local.TestEngine{Builds: next.build})
	w.stop(time.Minute)
	w.start()
	w.github.Release("2.337.0")
	if _, err := w.operator().RefreshImages(t.Context(), false, fleet.Operator{}); err != nil {
		t.Fatal(err)
	}
	w.await("the next revision is being built", func() bool { return w.imageCalled("base").Building })
	id := w.github.Queue(job())
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" || w.imageCalled("base").Revision != 1 {
		t.Errorf("while it is built a job ends as %s in %+v", run.Conclusion, w.imageCalled("base"))
	}
	next.open(nil)
	w.awaitRevision("base", 2)
	if i := w.imageCalled("base"); i.RunnerVersion != "2.337.0" || len(next.bases()) != 1 {
		t.Errorf("after %d builds the base image is %+v", len(next.bases()), i)
	}
}

func TestOperatorsOfImages(t *testing.T) {
	y := newYard()
	y.open(nil)
	w := withImages(t, y)
	w.awaitRevision("base", 1)

	before, err := w.operator().BuildImage(t.Context(), w.node(), fleet.Operator{})
	if err != nil || before.Revision != 0 {
		t.Fatalf("build: %+v, %v", before, err)
	}
	name := "image:" + nodeImage
	w.awaitRevision(name, 1)
	if _, err := w.operator().RefreshImages(t.Context(), true, fleet.Operator{}); err != nil {
		t.Fatal(err)
	}
	w.awaitRevision(name, 2)
	w.awaitRevision("base", 2)
	if removed, err := w.operator().RemoveImage(t.Context(), w.node().Tag(), fleet.Operator{}); err != nil || removed.Revision != 2 {
		t.Errorf("remove: %+v, %v", removed, err)
	}
	if i := w.imageCalled(name); i.Tag != "" {
		t.Errorf("it is still there: %+v", i)
	}
	if _, err := w.operator().RemoveImage(t.Context(), "0123", fleet.Operator{}); err == nil || !strings.Contains(err.Error(), "no image has the tag 0123") {
		t.Errorf("remove what is not there: %v", err)
	}
	if _, err := w.operator().Pause(t.Context(), fleet.Operator{Reason: "maintenance"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.operator().BuildImage(t.Context(), w.node(), fleet.Operator{}); err == nil || !strings.Contains(err.Error(), "is paused (maintenance)") {
		t.Errorf("build while paused: %v", err)
	}
}

func TestAFleetOfProcessesHasNoImages(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.ImagesByName = false })
	id := w.github.Queue(job("image:node:22"))
	w.await("refused", func() bool { return w.run(id).Status == fleet.RunRefused })
	const says = "runs jobs as plain processes, which have no images"
	if run := w.run(id); !strings.Contains(run.Reason, says) {
		t.Errorf("the reason is %s", run.Reason)
	}
	spec := fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: nodeImage, Arch: fleet.X64}
	if _, err := w.operator().BuildImage(t.Context(), spec, fleet.Operator{}); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("build: %v", err)
	}
	if _, err := w.operator().RemoveImage(t.Context(), "0123", fleet.Operator{}); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("remove: %v", err)
	}
	w.stop(time.Minute)
	if _, err := w.operator().BuildImage(t.Context(), spec, fleet.Operator{}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("build without a fleet: %v", err)
	}
}

// An image that a job names comes from its registry, and is built from what the
// registry gave: an image of this machine that merely has the name is never looked at.
func TestAnImageOnDemandComesFromItsRegistry(t *testing.T) {
	y := newYard()
	y.open(nil)
	w := withImages(t, y, func(c *local.Config, _ *sim.Config) {
		c.BuildsOn(local.TestEngine{Builds: y.build, Pulls: func(ref string) (string, error) {
			if ref != nodeImage {
				return "", fmt.Errorf("%s is pulled", ref)
			}
			return "sha256:of-the-registry", nil
		}})
	})
	id := w.github.Queue(job("image:node:22"))
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" {
		t.Errorf("the run is %s: %s", run.Status, run.Reason)
	}
	if bases := y.bases(); !slices.Contains(bases, "sha256:of-the-registry") || slices.Contains(bases, nodeImage) {
		t.Errorf("builds begin from %q", bases)
	}
}

// Such an image is refused before anything is built, with a reason for the workflow's
// author.
func TestAnImageWithInstructionsOfItsOwn(t *testing.T) {
	y := newYard()
	y.open(nil)
	w := withImages(t, y, func(c *local.Config, _ *sim.Config) {
		c.BuildsOn(local.TestEngine{Builds: y.build, OnBuilt: []string{"ADD http://127.0.0.1:8080/api/runs /stolen/"}})
	})
	id := w.github.Queue(job("image:node:22"))
	w.awaitRetry(id)
	run := w.run(id)
	if !strings.HasPrefix(run.Reason, "Image.BuildFailed: the image "+nodeImage+" runs instructions of its own") || run.Setback.Kind.Whose() != "image" {
		t.Errorf("the reason is %s", run.Reason)
	}
	if built := onlyNode(y.bases()); len(built) != 0 {
		t.Errorf("builds of %q", built)
	}
}

// A busy registry is asked again. If it stays busy, the image is not at fault, and the
// run is tried again soon.
func TestARegistryThatIsBusy(t *testing.T) {
	for failures, want := range map[int]string{2: "", 3: fleet.ImageSourceUnavailable} {
		t.Run(want, func(t *testing.T) {
			y := newYard()
			y.open(nil)
			var mu sync.Mutex
			pulls := 0
			w := withImages(t, y, func(c *local.Config, _ *sim.Config) {
				c.BuildsOn(local.TestEngine{Builds: y.build, Pulls: func(ref string) (string, error) {
					mu.Lock()
					defer mu.Unlock()
					if pulls++; pulls <= failures {
						return "", &container.PullError{Image: ref, Says: "toomanyrequests: Rate exceeded"}
					}
					return ref, nil
				}})
			})
			id := w.github.Queue(job("image:node:22"))
			if want == "" {
				w.awaitEnd(id)
				if run := w.run(id); run.Conclusion != "success" {
					t.Errorf("the run is %s: %s", run.Status, run.Reason)
				}
				return
			}
			w.awaitRetry(id)
			if run := w.run(id); run.Setback.Name != want || run.Setback.Kind != fleet.SetbackSource || !strings.Contains(run.Reason, "cannot be pulled just now") {
				t.Errorf("the run waits: %+v", run.Setback)
			}
		})
	}
}

// A build that a job asks for has its own time limit: the fleet's own images may take
// longer.
func TestABuildForAJobEndsSooner(t *testing.T) {
	y := newYard() // no build ends by itself
	w := withImages(t, y, func(c *local.Config, _ *sim.Config) {
		c.Policy.Limits.Build, c.Policy.Limits.OnDemandBuild = time.Hour, 10*time.Millisecond
	})
	id := w.github.Queue(job("image:node:22"))
	w.awaitRetry(id)
	if run := w.run(id); !strings.Contains(run.Reason, "the build took longer than 10ms (limits.on_demand_build)") {
		t.Errorf("the reason is %s", run.Reason)
	}
	y.open(nil)
}

// However many images jobs name, the fleet's own images can still be built.
func TestJobsDoNotHoldAllBuilds(t *testing.T) {
	y := newYard() // no build ends
	w := withImages(t, y, func(c *local.Config, _ *sim.Config) { c.SweepEvery = 20 * time.Millisecond })
	for _, name := range []string{"node:1", "node:2", "node:3"} {
		w.github.Queue(job("image:" + name))
	}
	w.await("two builds", func() bool { return len(y.bases()) >= 2 })
	w.await("the base image", func() bool { return w.imageCalled("base").Building })
	onDemand := 0
	for _, base := range y.bases() {
		if strings.HasPrefix(base, "docker.io/library/node:") {
			onDemand++
		}
	}
	if bases := y.bases(); onDemand != 1 || len(bases) != 2 {
		t.Errorf("under way are builds from %q", bases)
	}
	y.open(nil)
}

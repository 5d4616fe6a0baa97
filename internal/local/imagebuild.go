package local

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// buildsDir holds the logs of image builds, in the data directory.
const buildsDir = "builds"

// BuildLogPath is the file that an image build writes.
func BuildLogPath(dir, buildID string) string {
	return filepath.Join(dir, buildsDir, filepath.Base(buildID)+".log")
}

// At most mostBuilds run at the same time, and of these at most mostOnDemand build
// images that jobs name. The others wait for their turn: no workflow keeps the fleet's
// own images from being built.
const (
	mostBuilds   = 2
	mostOnDemand = mostBuilds - 1
)

// pullPauses are the pauses before a pull that may succeed later is tried again.
func pullPauses() []time.Duration { return []time.Duration{5 * time.Second, 20 * time.Second} }

// builderEngine is the part of a container engine that builds need.
type builderEngine interface {
	Build(ctx context.Context, request container.BuildRequest) (imageID string, err error)
	Pull(ctx context.Context, ref string, arch fleet.Arch, output io.Writer) (imageID string, err error)
	OnBuild(ctx context.Context, imageID string) ([]string, error)
	ImageLabels(ctx context.Context, ref string) (map[string]string, error)
	HasImage(ctx context.Context, id string) (bool, error)
	RemoveImage(ctx context.Context, ref string) error
	ImagesTagged(ctx context.Context, prefix string) ([]string, error)
}

// imageBuilder builds images in the container engine of this machine, and reports its
// builds by the same events as CodeBuild. A build ends with the process; the next
// process starts it again.
type imageBuilder struct {
	engine    builderEngine
	fleetName string
	dir       string // the data directory
	images    Images
	timeout   time.Duration
	onDemand  time.Duration   // the timeout of images that jobs name
	pauses    []time.Duration // between pulls
	renew     time.Duration   // how often a build reports that it still runs
	// release finds the release of the runner for a build whose order does not name
	// one.
	release func(context.Context) (fleet.RunnerRelease, error)
	put     func(detailType string, detail any)
	log     *slog.Logger

	ctx           context.Context // of all builds
	stop          context.CancelFunc
	turns         chan struct{}
	onDemandTurns chan struct{}
	work          sync.WaitGroup

	mu      sync.Mutex
	running map[string]context.CancelFunc // by build id
}

// Images say what images are made of.
type Images struct {
	BaseImage    string // what the base image is made from
	Sudo         bool
	BuilderImage string                   // unpacks GitHub's runner; "" is the Dockerfile's own
	Extra        map[string]runner.Folder // label → the folder of its Dockerfile
	Entrypoint   map[string]string        // GOARCH → the static entrypoint's file
	Network      string                   // of builds; "" is the engine's own
}

// start makes the builder ready.
func (b *imageBuilder) start() *imageBuilder {
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.turns, b.onDemandTurns, b.running = make(chan struct{}, mostBuilds), make(chan struct{}, mostOnDemand), map[string]context.CancelFunc{}
	return b
}

// buildID names a build by what it builds and for whom.
func buildID(order fleet.BuildOrder) string {
	owner := strings.Map(func(r rune) rune {
		if r == '@' || r == '/' {
			return '_'
		}
		return r
	}, order.Owner)
	return fleet.RevisionTag(order.Tag, order.Revision) + "-" + owner
}

// Build starts a build and returns. A build that runs already is left as it is.
func (b *imageBuilder) Build(_ context.Context, order fleet.BuildOrder) error {
	id := buildID(order)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running[id] != nil || b.ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(b.ctx)
	b.running[id] = cancel
	b.work.Go(func() {
		defer func() {
			b.mu.Lock()
			delete(b.running, id)
			b.mu.Unlock()
			cancel()
		}()
		b.run(ctx, order, id)
	})
	return nil
}

// Running lists the builds that have not ended.
func (b *imageBuilder) Running(context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for id := range b.running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// Stop stops a build, which then reports that it was stopped.
func (b *imageBuilder) Stop(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cancel := b.running[id]; cancel != nil {
		cancel()
	}
	return nil
}

// Close ends all builds without a report: the next process continues them.
func (b *imageBuilder) Close() {
	b.stop()
	b.work.Wait()
}

// run builds. It reports regularly that the build still runs, and at the end how it
// ended.
func (b *imageBuilder) run(ctx context.Context, order fleet.BuildOrder, id string) {
	told := fleet.Build{BuildID: id, Tag: order.Tag, Owner: order.Owner, Revision: order.Revision, Status: fleet.BuildInProgress}
	b.put(fleet.BuildEvent, told)
	goesOn := time.NewTicker(b.renew)
	defer goesOn.Stop()
	done := make(chan struct{})
	var digest, version string
	var err error
	go func() {
		defer close(done)
		digest, version, err = b.inTurn(ctx, order, id)
	}()
	for waiting := true; waiting; {
		select {
		case <-goesOn.C:
			b.put(fleet.BuildEvent, told)
		case <-done:
			waiting = false
		}
	}
	switch {
	case b.ctx.Err() != nil:
		return
	case ctx.Err() != nil:
		told.Status, told.Reason = fleet.BuildStopped, "the build was stopped"
	case err != nil:
		told.Status, told.Reason, told.MayPass = fleet.BuildFailed, err.Error(), passes(err)
	default:
		told.Status, told.Digest, told.RunnerVersion = fleet.BuildSucceeded, digest, version
	}
	b.put(fleet.BuildEvent, told)
}

// inTurn builds when it is this build's turn, with a log and a time limit.
func (b *imageBuilder) inTurn(ctx context.Context, order fleet.BuildOrder, id string) (digest, version string, err error) {
	if err := os.MkdirAll(filepath.Join(b.dir, buildsDir), 0o700); err != nil {
		return "", "", fmt.Errorf("make the folder of the builds' logs: %w", err)
	}
	log, err := os.Create(BuildLogPath(b.dir, id))
	if err != nil {
		return "", "", fmt.Errorf("make the build's log: %w", err)
	}
	defer log.Close()
	turns, timeout, key := []chan struct{}{b.turns}, b.timeout, "limits.build"
	if order.Spec.Kind == fleet.OnDemandImage {
		turns, timeout, key = []chan struct{}{b.onDemandTurns, b.turns}, b.onDemand, "limits.on_demand_build"
	}
	for _, turn := range turns {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return "", "", ctx.Err()
		}
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	digest, version, err = b.build(limited, order, log)
	if limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("the build took longer than %s (%s)", timeout, key)
	}
	if err != nil {
		fmt.Fprintf(log, "ecsrunner: %v\n", err)
	}
	return digest, version, err
}

// passes reports whether a build failed for a reason that passes by itself.
func passes(err error) bool {
	return container.Passes(err) || fleet.IsNamed(err, fleet.GitHubUnavailable, fleet.GitHubRateLimited, fleet.GitHubUnauthorized)
}

// build makes one image and returns its id in the engine.
func (b *imageBuilder) build(ctx context.Context, order fleet.BuildOrder, log io.Writer) (digest, version string, err error) {
	release := order.Release
	if len(release.SHA256) == 0 {
		if release, err = b.release(ctx); err != nil {
			return "", "", err
		}
	}
	tag := b.name(order.Tag, order.Revision)
	work := layer{imageBuilder: b, order: order, release: release, log: log}
	switch order.Spec.Kind {
	case fleet.BaseImage:
		digest, err = work.put(ctx, b.images.BaseImage, tag)
	case fleet.OnDemandImage:
		digest, err = work.onDemand(ctx, tag)
	case fleet.ExtraImage:
		digest, err = work.extra(ctx, tag)
	default:
		err = fmt.Errorf("image %s is of no kind that can be built", order.Spec)
	}
	if err != nil {
		return "", "", err
	}
	b.clear(ctx, order)
	return digest, release.Version, nil
}

// name is the reference of a revision in the engine.
func (b *imageBuilder) name(tag string, revision int) string {
	return b.prefix(tag) + strconv.Itoa(revision)
}

func (b *imageBuilder) prefix(tag string) string { return b.repository() + tag + "-" }

func (b *imageBuilder) repository() string { return "localhost/ecsrunner/" + b.fleetName + ":" }

// clear removes revisions that are no longer needed, but not the previous one: a job
// may be about to start in it.
func (b *imageBuilder) clear(ctx context.Context, order fleet.BuildOrder) {
	if order.Revision < 3 {
		return
	}
	if err := b.engine.RemoveImage(ctx, b.name(order.Tag, order.Revision-2)); err != nil {
		b.log.Warn("an old revision of an image is left", "image", order.Spec.String(), "error", err.Error())
	}
}

// Remove deletes all revisions of an image.
func (b *imageBuilder) Remove(ctx context.Context, tag string) error {
	return b.removeTagged(ctx, tag+"-")
}

// removeTagged deletes the fleet's images whose tags begin with the text.
func (b *imageBuilder) removeTagged(ctx context.Context, begin string) error {
	names, err := b.engine.ImagesTagged(ctx, b.repository()+begin)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := b.engine.RemoveImage(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the engine still has an image.
func (b *imageBuilder) Has(ctx context.Context, id string) (bool, error) {
	return b.engine.HasImage(ctx, id)
}

// Published finds nothing: images tagged on this machine are not the fleet's registry.
func (b *imageBuilder) Published(context.Context, string) (string, bool, error) {
	return "", false, nil
}

// takeUp restarts the builds that an earlier process had under way.
func (b *imageBuilder) takeUp(ctx context.Context, records []fleet.ImageRecord, lock func(context.Context, string) (fleet.BuildLock, error)) error {
	for _, r := range records {
		held, err := lock(ctx, r.Tag)
		if err != nil {
			return err
		}
		if held.Owner == "" || r.Spec.Kind == "" {
			continue
		}
		if err := b.Build(ctx, fleet.BuildOrder{Spec: r.Spec, Tag: r.Tag, Revision: r.Revision + 1, Owner: held.Owner}); err != nil {
			return err
		}
	}
	return nil
}

func goArch(arch fleet.Arch) string {
	return map[fleet.Arch]string{fleet.X64: "amd64", fleet.ARM64: "arm64"}[cmp.Or(arch, fleet.X64)]
}

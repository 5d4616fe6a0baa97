package local

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// runnerLabel is the label that the Dockerfile gives every image with the runner in it.
const runnerLabel = "ecsrunner.runner"

// layer is one build: it puts the runner on top of images.
type layer struct {
	*imageBuilder
	order   fleet.BuildOrder
	release fleet.RunnerRelease
	log     io.Writer
}

// put puts the runner into a base image.
func (l layer) put(ctx context.Context, base, name string) (id string, err error) {
	sum := l.release.SHA256[l.order.Spec.Arch]
	if sum == "" {
		return "", fmt.Errorf("GitHub gives no checksum of runner %s for %s: set runner_version to another version", l.release.Version, l.order.Spec.Arch)
	}
	arch := goArch(l.order.Spec.Arch)
	args := map[string]string{
		"BASE_IMAGE": base, "ECSRUNNER_VERSION": l.release.Version, "ECSRUNNER_SHA256": sum,
		"ECSRUNNER_ARCH": arch, "ECSRUNNER_RUNNER_ARCH": string(l.order.Spec.Arch), "ECSRUNNER_SUDO": fmt.Sprint(l.images.Sudo), "BUILDER_IMAGE": l.images.BuilderImage,
	}
	if l.release.Source != "" {
		args["ECSRUNNER_SOURCE"] = l.release.Source
	}
	return l.run(ctx, container.BuildRequest{
		Dockerfile: "Dockerfile", Args: args, Tag: name, Arch: l.order.Spec.Arch,
	}, func(w io.Writer) error { return runner.Tar(w, map[string]string{arch: l.images.Entrypoint[arch]}) })
}

// onDemand puts the runner into an image that a job names. It takes the image from its
// registry, never one that merely has the name on this machine. It refuses an image
// that runs instructions of its own in builds (ONBUILD): the engine would carry out an
// ADD or a COPY --from among them, with this machine's network and images.
func (l layer) onDemand(ctx context.Context, name string) (id string, err error) {
	base, err := l.pull(ctx, l.order.Spec.Name)
	if err != nil {
		return "", err
	}
	instructions, err := l.engine.OnBuild(ctx, base)
	if err != nil {
		return "", err
	}
	if len(instructions) > 0 {
		return "", fmt.Errorf("the image %s runs instructions of its own in each build that begins from it (ONBUILD), which the fleet does for no image that a job names: name one without, or have an operator add it to extra_runner_images", l.order.Spec.Name)
	}
	return l.put(ctx, base, name)
}

// pull pulls an image, and tries again after each pause if that may help.
func (l layer) pull(ctx context.Context, ref string) (id string, err error) {
	for _, pause := range l.pauses {
		if id, err = l.engine.Pull(ctx, ref, l.order.Spec.Arch, l.log); err == nil || !container.Passes(err) {
			return id, err
		}
		fmt.Fprintf(l.log, "%v; trying again in %s\n", err, pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return l.engine.Pull(ctx, ref, l.order.Spec.Arch, l.log)
}

// extra builds an image of the configuration. An image that begins from RUNNER_BASE has
// the runner already, but may have set another user or entrypoint. Any other image gets
// the runner.
func (l layer) extra(ctx context.Context, name string) (id string, err error) {
	folder, ok := l.images.Extra[l.order.Spec.Name]
	if !ok {
		return "", fmt.Errorf("extra_runner_images has no image of the label %s any more", l.order.Spec.Name)
	}
	base, made := l.prefix(l.order.Tag)+"base", l.prefix(l.order.Tag)+"extra"
	if _, err := l.put(ctx, l.images.BaseImage, base); err != nil {
		return "", err
	}
	id, err = l.run(ctx, container.BuildRequest{
		Dockerfile: folder.Dockerfile, Args: map[string]string{"RUNNER_BASE": base}, Tag: made, Arch: l.order.Spec.Arch,
	}, func(w io.Writer) error { return tarFolder(w, folder) })
	if err != nil {
		return "", err
	}
	labels, err := l.engine.ImageLabels(ctx, id)
	if err != nil {
		return "", err
	}
	if labels[runnerLabel] != "true" {
		return l.put(ctx, made, name)
	}
	return l.run(ctx, container.BuildRequest{
		Dockerfile: runner.Again, Args: map[string]string{"BASE_IMAGE": made}, Tag: name, Arch: l.order.Spec.Arch,
	}, func(w io.Writer) error { return runner.Tar(w, nil) })
}

// run builds from a context that is written while the engine reads it.
func (l layer) run(ctx context.Context, request container.BuildRequest, fill func(io.Writer) error) (string, error) {
	from, to := io.Pipe()
	go func() { to.CloseWithError(fill(to)) }()
	defer from.Close()
	request.Context, request.Output, request.Network = from, l.log, l.images.Network
	request.Labels = map[string]string{"ecsrunner.fleet": l.fleetName, "ecsrunner.image": l.order.Tag}
	return l.engine.Build(ctx, request)
}

// tarFolder writes a folder as a build's context. An engine would take all of it: the
// sender of the context has to apply .dockerignore.
func tarFolder(w io.Writer, folder runner.Folder) error {
	archive := tar.NewWriter(w)
	err := folder.Walk(func(name string, info fs.FileInfo) error { return pack(archive, folder.Dir, name, info) })
	if err != nil {
		return fmt.Errorf("read the folder %s of an image: %w", filepath.Base(folder.Dir), err)
	}
	return archive.Close()
}

func pack(archive *tar.Writer, dir, name string, info fs.FileInfo) error {
	path, link := filepath.Join(dir, filepath.FromSlash(name)), ""
	var err error
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, 0, 0, "", ""
	if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}

package container

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// PullError says how a pull failed.
type PullError struct {
	Image string
	Says  string // the engine's own error
}

func (e *PullError) Error() string {
	if e.Passes() {
		return fleet.Clip(fmt.Sprintf("the image %s cannot be pulled just now: %s", e.Image, oneLine(e.Says)), mostReason)
	}
	return fleet.Clip(fmt.Sprintf("the image %s cannot be pulled: %s", e.Image, oneLine(e.Says)), mostReason)
}

// Passes reports whether another try may succeed: the registry limits pulls, or the
// network is down.
func (e *PullError) Passes() bool { return fleet.Passes(e.Says, e.Image) }

func oneLine(s string) string { return strings.Join(strings.Fields(strings.Map(printable, s)), " ") }

// Passes reports whether a build failed for a reason that passes by itself: a pull that
// may succeed the next time, or an engine that does not answer.
func Passes(err error) bool {
	var pull *PullError
	if errors.As(err, &pull) {
		return pull.Passes()
	}
	return errors.Is(err, errNoAnswer)
}

// errNoAnswer marks errors of an engine that does not answer, or stops doing so.
var errNoAnswer = errors.New("the engine does not answer")

// Pull fetches an image from its registry, even if this machine has one of that name.
// It returns the image's id, which no other image can take. It fails with a PullError
// if the registry does not give the image.
func (e *Engine) Pull(ctx context.Context, ref string, arch fleet.Arch, output io.Writer) (imageID string, err error) {
	options := client.ImagePullOptions{Platforms: []ocispec.Platform{{OS: "linux", Architecture: goArch(arch)}}}
	resp, err := e.client.ImagePull(ctx, ref, options)
	if err != nil {
		return "", e.pullFailed(ctx, ref, err)
	}
	defer resp.Close()
	fmt.Fprintln(output, "pulling", ref)
	for message, err := range resp.JSONMessages(ctx) {
		switch {
		case err != nil:
			return "", errors.Join(ctx.Err(), fmt.Errorf("pull %s with %s: %w: %w", ref, e.name, errNoAnswer, err))
		case message.Error != nil:
			return "", &PullError{Image: ref, Says: message.Error.Message}
		}
	}
	got, err := e.client.ImageInspect(ctx, ref)
	if absent(err) {
		return "", &PullError{Image: ref, Says: "the engine said nothing, and has no such image"}
	}
	if err != nil {
		return "", fmt.Errorf("look at the image %s that was pulled: %w", ref, e.answer(err))
	}
	return got.ID, nil
}

// pullFailed is the failure of a pull that did not begin. Docker asks the registry
// before it answers, so most of these failures are the registry's.
func (e *Engine) pullFailed(ctx context.Context, ref string, err error) error {
	if ctx.Err() != nil || client.IsErrConnectionFailed(err) {
		return errors.Join(ctx.Err(), fmt.Errorf("pull %s with %s: %w", ref, e.name, e.answer(err)))
	}
	return &PullError{Image: ref, Says: err.Error()}
}

// answer marks an error of an engine that does not answer.
func (e *Engine) answer(err error) error {
	if client.IsErrConnectionFailed(err) {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return err
}

func goArch(arch fleet.Arch) string {
	if arch == fleet.ARM64 {
		return "arm64"
	}
	return "amd64"
}

// OnBuild are the instructions that an image runs in every build that begins from it.
//
// Podman does not report them, and runs them all the same. For Podman they are read
// from the image's own configuration, in the image as Podman saves it.
func (e *Engine) OnBuild(ctx context.Context, imageID string) ([]string, error) {
	got, err := e.client.ImageInspect(ctx, imageID)
	if err != nil {
		return nil, fmt.Errorf("look at image %s: %w", imageID, e.answer(err))
	}
	if got.Config != nil && len(got.Config.OnBuild) > 0 {
		return got.Config.OnBuild, nil
	}
	if !e.isPodman() {
		return nil, nil
	}
	saved, err := e.client.ImageSave(ctx, []string{imageID})
	if err != nil {
		return nil, fmt.Errorf("save image %s: %w", imageID, e.answer(err))
	}
	defer saved.Close()
	instructions, err := savedOnBuild(saved)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of image %s: %w", imageID, err)
	}
	return instructions, nil
}

// mostConfig is larger than any image's configuration.
const mostConfig = 8 << 20

// savedOnBuild reads an image that an engine has saved, to its end: the manifest, which
// says where the configuration is, may be the last.
func savedOnBuild(saved io.Reader) ([]string, error) {
	documents := map[string][]byte{}
	archive := tar.NewReader(saved)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || path.Ext(header.Name) == ".tar" || header.Size > mostConfig {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		documents[path.Clean(header.Name)] = content
	}
	var manifest []struct{ Config string }
	if err := json.Unmarshal(documents["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		return nil, fmt.Errorf("it is saved with %d manifests, not one: %v", len(manifest), err)
	}
	var image struct {
		Config struct{ OnBuild []string } `json:"config"`
	}
	if err := json.Unmarshal(documents[path.Clean(manifest[0].Config)], &image); err != nil {
		return nil, fmt.Errorf("it is saved without a configuration that can be read: %w", err)
	}
	return image.Config.OnBuild, nil
}

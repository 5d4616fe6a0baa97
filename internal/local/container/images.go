package container

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/moby/client"
)

// HasImage reports whether the engine has an image, by its id or a reference.
func (e *Engine) HasImage(ctx context.Context, ref string) (bool, error) {
	_, err := e.client.ImageInspect(ctx, ref)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for image %s: %w", ref, err)
	}
	return true, nil
}

// ImageLabels are the labels of an image.
func (e *Engine) ImageLabels(ctx context.Context, ref string) (map[string]string, error) {
	got, err := e.client.ImageInspect(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("look at image %s: %w", ref, err)
	}
	if got.Config == nil {
		return nil, nil
	}
	return got.Config.Labels, nil
}

// RemoveImage removes a reference, and with the last reference the image. A missing
// reference is no error, nor is one that a container uses: the next removal takes that
// one.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	_, err := e.client.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	if err != nil && !absent(err) && !isConflict(err) {
		return fmt.Errorf("remove image %s: %w", ref, err)
	}
	return nil
}

// ImagesTagged lists the references that begin with the prefix.
func (e *Engine) ImagesTagged(ctx context.Context, prefix string) ([]string, error) {
	got, err := e.client.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the images of %s: %w", e.name, err)
	}
	var found []string
	for _, image := range got.Items {
		for _, ref := range image.RepoTags {
			if strings.HasPrefix(ref, prefix) {
				found = append(found, ref)
			}
		}
	}
	return found, nil
}

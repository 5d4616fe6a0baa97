package publish

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/soci"
)

// Repository is where images are pushed to.
type Repository struct {
	remote *remote.Repository
	pauses []time.Duration // before a layer is pushed again
}

// Open finds a repository by its name, as <registry>/<path>. It uses the logins of
// `docker login`. A registry of this machine is spoken to without TLS.
func Open(name string) (*Repository, error) {
	repository, err := remote.NewRepository(name)
	if err != nil {
		return nil, fmt.Errorf("name the repository %q: %w", name, err)
	}
	logins, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the logins of docker: %w", err)
	}
	repository.Client = &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: credentials.Credential(logins)}
	host, _, _ := strings.Cut(repository.Reference.Registry, ":")
	repository.PlainHTTP = host == "localhost" || host == "127.0.0.1"
	return &Repository{repository, []time.Duration{5 * time.Second, 20 * time.Second}}, nil
}

// Push pushes an image, under one or more tags, and returns the digest that they name.
// What the registry has already is not sent again. Where tags cannot change, the first
// build's image keeps its tag, and its digest is returned.
func (r *Repository) Push(ctx context.Context, image Image, tags ...string) (digest.Digest, error) {
	err := each(len(image.Layers), func(i int) error { return r.layer(ctx, image.Layers[i]) })
	if err != nil {
		return "", err
	}
	err = each(len(image.blobs), func(i int) error { return r.blob(ctx, image.blobs[i]) })
	if err != nil {
		return "", err
	}
	for _, child := range image.children {
		if err := r.remote.Manifests().Push(ctx, child.Descriptor, bytes.NewReader(child.Content)); err != nil {
			return "", fmt.Errorf("push manifest %s: %w", child.Digest, err)
		}
	}
	pushed := image.Root.Digest
	for _, tag := range tags {
		err := r.remote.Manifests().PushReference(ctx, image.Root.Descriptor, bytes.NewReader(image.Root.Content), tag)
		if said := fmt.Sprint(err); err != nil && strings.Contains(said, "already exists") && strings.Contains(said, "immutable") {
			there, err := r.remote.Resolve(ctx, tag)
			if err != nil {
				return "", fmt.Errorf("look at %s, which is there already: %w", tag, err)
			}
			if tag == tags[0] {
				pushed = there.Digest
			}
			continue
		}
		if err != nil {
			return "", fmt.Errorf("push %s: %w", tag, err)
		}
	}
	return pushed, nil
}

// layer pushes a layer, again after each pause if that fails: a body that is sent from a
// file cannot be repeated by the client.
func (r *Repository) layer(ctx context.Context, layer Layer) (err error) {
	for _, pause := range r.pauses {
		if err = r.file(ctx, layer); err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return r.file(ctx, layer)
}

func (r *Repository) file(ctx context.Context, layer Layer) error {
	file, err := os.Open(layer.file)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.unlessThere(ctx, layer.Descriptor, file)
}

func (r *Repository) blob(ctx context.Context, blob soci.Blob) error {
	return r.unlessThere(ctx, blob.Descriptor, bytes.NewReader(blob.Content))
}

func (r *Repository) unlessThere(ctx context.Context, what ocispec.Descriptor, content io.Reader) error {
	there, err := r.remote.Blobs().Exists(ctx, what)
	if err == nil && !there {
		err = r.remote.Blobs().Push(ctx, what, content)
	}
	if err != nil {
		return fmt.Errorf("push %s: %w", what.Digest, err)
	}
	return nil
}

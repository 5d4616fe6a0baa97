package simaws

import (
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// ECR is one repository, whose tags may move.
type ECR struct {
	k   *kernel.Kernel
	cfg Config

	images []*image // in the order in which they were pushed
}

type image struct {
	digest   string
	tags     []string
	pushedAt time.Time
}

// NewECR returns an empty repository.
func NewECR(k *kernel.Kernel, cfg Config) *ECR { return &ECR{k: k, cfg: cfg} }

// ImageView is one image of the repository.
type ImageView struct {
	Digest   string
	Tags     []string
	PushedAt time.Time
}

// Images lists the images, in the order in which they were pushed.
func (r *ECR) Images() []ImageView {
	views := make([]ImageView, len(r.images))
	for i, im := range r.images {
		views[i] = ImageView{im.digest, slices.Clone(im.tags), im.pushedAt}
	}
	return views
}

// Push puts an image there with a tag, which another image loses
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html).
func (r *ECR) Push(digest, tag string) {
	r.k.Log("image %.19s is pushed as %s", digest, tag)
	if other := r.byTag(tag); other != nil {
		other.untag(tag)
	}
	im := r.byDigest(digest)
	if im == nil {
		im = &image{digest: digest, pushedAt: r.k.Now()}
		r.images = append(r.images, im)
	}
	im.tags = append(im.tags, tag)
}

// Delete deletes an image by its digest, and reports whether it was there.
func (r *ECR) Delete(digest string) bool {
	before := len(r.images)
	r.images = slices.DeleteFunc(r.images, func(im *image) bool { return im.digest == digest })
	if len(r.images) == before {
		return false
	}
	r.k.Log("image %.19s is deleted", digest)
	return true
}

func (im *image) untag(tag string) {
	im.tags = slices.DeleteFunc(im.tags, func(t string) bool { return t == tag })
}

func (r *ECR) byDigest(digest string) *image {
	i := slices.IndexFunc(r.images, func(im *image) bool { return im.digest == digest })
	if i < 0 {
		return nil
	}
	return r.images[i]
}

func (r *ECR) byTag(tag string) *image {
	i := slices.IndexFunc(r.images, func(im *image) bool { return slices.Contains(im.tags, tag) })
	if i < 0 {
		return nil
	}
	return r.images[i]
}

// serves reports whether an image can be pulled. Those of other repositories can.
func (r *ECR) serves(reference string) bool {
	rest, ours := strings.CutPrefix(reference, r.cfg.RepositoryURI())
	if !ours || rest == "" {
		return true
	}
	if digest, ok := strings.CutPrefix(rest, "@"); ok {
		return r.byDigest(digest) != nil
	}
	return r.byTag(strings.TrimPrefix(rest, ":")) != nil
}

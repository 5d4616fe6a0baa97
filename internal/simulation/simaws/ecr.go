package simaws

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// ECR is one repository.
type ECR struct {
	k   *kernel.Kernel
	cfg Config
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
func (r *ECR) Images() []ImageView { return nil }

// Push puts an image there with a tag, as somebody would by hand.
func (r *ECR) Push(digest, tag string) {}

// Delete deletes an image by its digest, as somebody would by hand.
func (r *ECR) Delete(digest string) {}

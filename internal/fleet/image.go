package fleet

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// MaxImageReference is ECS's limit for an image name, in characters.
const MaxImageReference = 255

// DefaultRegistries are those of allowed_registries unless the configuration names
// others.
var DefaultRegistries = []string{"docker.io", "ghcr.io", "mcr.microsoft.com", "public.ecr.aws", "quay.io"}

// DefaultBaseImage is what the base image is made from unless the configuration names
// another.
const DefaultBaseImage = "public.ecr.aws/ubuntu/ubuntu:24.04"

// Registries of ECR: builds may be given the right to pull from them, and their names
// that also have IPv6 addresses.
var (
	ecr          = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)
	ecrDualStack = regexp.MustCompile(`^([0-9]{12})\.dkr-ecr\.([a-z0-9-]+)\.on\.(aws|amazonwebservices\.com\.cn)$`)
)

// toAllow says how to allow a registry.
func toAllow(registry string) string {
	if parts := ecrDualStack.FindStringSubmatch(registry); parts != nil {
		host := parts[1] + ".dkr.ecr." + parts[2] + ".amazonaws.com"
		if parts[3] != "aws" {
			host += ".cn"
		}
		return "; write " + host + " instead, and have the ARN of the repository added to base_image_repositories"
	}
	if ecr.MatchString(registry) {
		return "; an operator allows it by adding the ARN of the repository to base_image_repositories"
	}
	return "; an operator allows it with allowed_registries"
}

// ParseImage normalises the base image that a label names. It refuses a text that is no
// image reference, that names no tag or digest, or that names a registry which is not
// allowed. Everyone who can edit a workflow can write that text: it is only ever passed
// on as one argument, never as part of a script or file.
func ParseImage(text string, registries []string) (string, error) {
	if len(text) > MaxImageReference {
		return "", fmt.Errorf("image reference of %d characters: at most %d are allowed", len(text), MaxImageReference)
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return "", fmt.Errorf("%q is not an image reference: %s", text, plainReason(err))
	}
	if reference.IsNameOnly(named) {
		return "", fmt.Errorf("image %q names no tag: write %s:<tag> or %s@sha256:<digest>", text, text, text)
	}
	domain := reference.Domain(named)
	registry := strings.ToLower(domain)
	if !allowsImage(registries, registry, reference.Path(named)) {
		if only := ofRegistry(registries, registry); len(only) > 0 {
			return "", fmt.Errorf("image %q is of repository %s, which is not allowed; of registry %s allowed are %s%s", text, reference.Path(named), registry, strings.Join(only, ", "), toAllow(registry))
		}
		return "", fmt.Errorf("image %q comes from registry %s, which is not allowed; allowed are %s%s", text, registry, strings.Join(registries, ", "), toAllow(registry))
	}
	if registry != domain { // distribution/reference keeps a registry's case, and knows docker.io in lower case only
		if named, err = reference.ParseNormalizedNamed(registry + strings.TrimPrefix(named.String(), domain)); err != nil {
			return "", fmt.Errorf("%q is not an image reference: %s", text, plainReason(err))
		}
	}
	name := named.String()
	if len(name) > MaxImageReference {
		return "", fmt.Errorf("image reference of %d characters (in full, with registry): at most %d are allowed", len(name), MaxImageReference)
	}
	return name, nil
}

// plainReason never repeats the text: distribution/reference quotes it as it is, with
// all control characters.
func plainReason(err error) string {
	switch {
	case errors.Is(err, reference.ErrNameContainsUppercase), strings.HasSuffix(err.Error(), "must be lowercase"):
		return "the name must be lower case"
	case strings.Contains(err.Error(), "64-byte hexadecimal"):
		return "64 hexadecimal digits are an image id, not a name"
	case errors.Is(err, reference.ErrReferenceInvalidFormat):
		return "write [registry/]name:tag or [registry/]name@sha256:digest"
	}
	return strings.TrimPrefix(err.Error(), "invalid reference format: ")
}

// ImageKind is where an image spec comes from.
type ImageKind string

const (
	BaseImage     ImageKind = "base"      // the fleet's own image
	ExtraImage    ImageKind = "extra"     // from extra_runner_images, by label
	OnDemandImage ImageKind = "on_demand" // from an image:<base-image> label
)

// ImageSpec is what a job wants to run in.
type ImageSpec struct {
	Kind ImageKind `json:"kind"`
	Name string    `json:"name"` // tag of the base image, label, or normalised reference
	Arch Arch      `json:"arch"`
	// Source is a hash of everything else that the image is built from: the Dockerfiles
	// with their folders, the entrypoint, and the beginning of the base image.
	Source string `json:"source,omitempty"`
}

// Tag is the content tag of a spec: a hash, never user text, so that two specs never
// share one. Each revision of the image has a RevisionTag of its own.
func (s ImageSpec) Tag() string {
	parts := []string{string(s.Kind), s.Name, string(s.Arch)}
	if s.Source != "" { // the specs of earlier releases had none
		parts = append(parts, s.Source)
	}
	return contentHash(parts...)
}

// RevisionTag is the tag in the registry of one revision of an image.
func RevisionTag(tag string, revision int) string { return tag + "-" + strconv.Itoa(revision) }

// revisionTag is what RevisionTag makes; the release before made it without a number.
var revisionTag = regexp.MustCompile(`^[0-9a-f]{32}(-[0-9]+)?$`)

// IsRevisionTag reports whether a tag is one that the fleet gives its own images.
func IsRevisionTag(tag string) bool { return revisionTag.MatchString(tag) }

// PublishTag is the tag of a base image in the repository, also of one that the fleet
// has not built: each architecture has a tag of its own.
func (s ImageSpec) PublishTag() string {
	if s.Arch == ARM64 {
		return s.Name + "-arm64"
	}
	return s.Name
}

// String is the image's name for people.
func (s ImageSpec) String() string {
	if s.Kind == OnDemandImage {
		return "image:" + s.Name
	}
	return s.Name
}

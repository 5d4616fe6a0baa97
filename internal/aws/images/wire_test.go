//go:build aws

package images

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

// manifest is an image's, with a layer of its own: moto makes the digest of those.
func manifest(name string) string {
	const docker = "application/vnd.docker."
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%sdistribution.manifest.v2+json","config":{"mediaType":"%scontainer.image.v1+json","size":7,"digest":"sha256:%064d"},`+
		`"layers":[{"mediaType":"%simage.rootfs.diff.tar.gzip","size":7,"digest":"sha256:%064x"}]}`, docker, docker, 7, docker, name)
}

func TestMotoImages(t *testing.T) {
	client := ecr.NewFromConfig(awstest.Config(t))
	if _, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("images")}); err != nil {
		t.Fatal(err)
	}
	mine, others := strings.Repeat("0a", 16), strings.Repeat("0b", 16)
	digests := map[string]string{}
	for _, push := range []struct {
		image string
		tags  []string
	}{
		{"published", []string{"base"}}, {"first", []string{mine + "-1"}}, {"second", []string{mine + "-2", "built"}}, {"other", []string{others + "-1"}},
	} {
		for _, tag := range push.tags {
			out, err := client.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: aws.String("images"), ImageManifest: aws.String(manifest(push.image)), ImageTag: aws.String(tag)})
			if err != nil {
				t.Fatal(err)
			}
			digests[push.image] = *out.Image.ImageId.ImageDigest
		}
	}
	revisions := Revisions{ECR: client, Repository: "images"}
	stored, err := revisions.Stored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, image := range stored {
		for _, tag := range image.Tags {
			found[tag] = image.Digest
		}
		if image.PushedAt.IsZero() {
			t.Errorf("nobody knows when %s was pushed", image.Digest)
		}
	}
	if diff := cmp.Diff(map[string]string{"base": digests["published"], mine + "-1": digests["first"], mine + "-2": digests["second"], "built": digests["second"], others + "-1": digests["other"]}, found); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	r := Registry{ECR: client, Repository: "images"}
	for tag, want := range map[string]string{"base": digests["published"], "built": "", "none": ""} {
		if got, ok, err := r.Published(t.Context(), tag); err != nil || got != want || ok != (want != "") {
			t.Errorf("published as %s: %q %t %v, want %q", tag, got, ok, err, want)
		}
	}
	has := func(image string) bool {
		ok, err := r.Has(t.Context(), "123456789012.dkr.ecr.us-east-1.amazonaws.com/images@"+digests[image])
		if err != nil {
			t.Errorf("%s: %v", image, err)
		}
		return ok
	}
	if !has("first") || !has("second") {
		t.Error("what was pushed is not there")
	}
	for range 2 { // the second time there is nothing
		if err := (Shelf{ECR: client, Repository: "images"}).Remove(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		if has("first") || has("second") || !has("other") || !has("published") {
			t.Error("something else was removed")
		}
	}
	for range 2 {
		if err := revisions.Delete(t.Context(), []string{others + "-1"}); err != nil {
			t.Fatal(err)
		}
		if has("other") || !has("published") {
			t.Error("something else was deleted")
		}
	}
}

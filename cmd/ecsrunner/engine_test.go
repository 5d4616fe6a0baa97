package main

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
)

func TestFormatsOfImagesAreForAWS(t *testing.T) {
	for file, says := range map[string]string{
		"": "", "image_compression: gzip": "", "soci_index: false": "",
		"image_compression: zstd": "image_compression: for images on AWS", "soci_index: true": "soci_index: for images on AWS",
	} {
		c, err := config.Parse([]byte("github_repo: octo-org/app\n"+file), "fleet.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if got := unpublished(c); !strings.HasPrefix(got, says) || (got == "") != (says == "") {
			t.Errorf("%q: %q", file, got)
		}
	}
}

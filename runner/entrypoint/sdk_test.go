package entrypoint_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The entrypoint is in every image, and every container reads it before it starts: it
// links the part of AWS's SDK that signs a request, and no client.
func TestTheEntrypointHasNoClientOfAWS(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/entrypoint").Output()
	if err != nil {
		t.Fatal(err)
	}
	signs := false
	for _, path := range strings.Fields(string(out)) {
		sdk, ok := strings.CutPrefix(path, "github.com/aws/aws-sdk-go-v2/")
		signs = signs || sdk == "aws/signer/v4"
		if first, _, _ := strings.Cut(sdk, "/"); ok && !slices.Contains([]string{"aws", "internal"}, first) {
			t.Errorf("it brings %s", path)
		}
	}
	if !signs {
		t.Error("it signs nothing: this test holds for nothing")
	}
}

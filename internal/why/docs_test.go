package why

import (
	"os"
	"strings"
	"testing"
)

// TestTheDocsShowAPage: what docs/operations.md shows is what the command prints.
func TestTheDocsShowAPage(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := os.ReadFile("testdata/setback_capacity.golden")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), "```\n"+string(shown)+"```\n") {
		t.Error("docs/operations.md does not show testdata/setback_capacity.golden as it is")
	}
}

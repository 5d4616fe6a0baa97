package why

import (
	"os"
	"reflect"
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

// TestTheDocsNameEachField of the JSON, which programs rely on.
func TestTheDocsNameEachField(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, about, _ := strings.Cut(string(docs), "`--json` has the same in the fields ")
	about, _, _ = strings.Cut(about, "\n\n")
	for _, part := range []any{Answer{}, Job{}, Decision{}, Stage{}, Waits{}, Runner{}, Step{}} {
		kind := reflect.TypeOf(part)
		for i := range kind.NumField() {
			field, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(about, "`"+field+"`") {
				t.Errorf("the docs do not name %s.%s, which is %q in JSON", kind.Name(), kind.Field(i).Name, field)
			}
		}
	}
}

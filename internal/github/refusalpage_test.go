package github_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// Every rule by which policy refuses has its heading on the page to which refusals lead.
func TestTheRefusalPageHasEveryRule(t *testing.T) {
	const page = "../../docs/labels.md"
	if !strings.HasSuffix(github.RefusalPage, strings.TrimPrefix(page, "../../")) {
		t.Errorf("refusals lead to %s", github.RefusalPage)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, h := range regexp.MustCompile(`(?m)^### (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		headings = append(headings, h[1])
	}
	sources, err := filepath.Glob("../fleet/*.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	for _, source := range sources {
		code, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range regexp.MustCompile(`\brefused\("([a-z_.]+)"`).FindAllStringSubmatch(string(code), -1) {
			rules++
			if !slices.Contains(headings, rule[1]) {
				t.Errorf("%s lacks the rule %s of %s", page, rule[1], source)
			}
		}
	}
	if rules < 10 {
		t.Errorf("only %d rules were found", rules)
	}
}

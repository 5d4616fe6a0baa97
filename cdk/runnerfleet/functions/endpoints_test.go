package functions_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
)

// The page that says which endpoints functions in a VPC need has those of all services that
// they call.
func TestThePageHasEveryEndpoint(t *testing.T) {
	want := []string{"sts"} // asked who signed a claim, which needs no permission
	var names []string
	for _, f := range functions.All {
		if !f.CallsGitHub() {
			continue
		}
		names = append(names, f.Folder())
		for _, s := range f.Role().May {
			if s.Implied || s.Deny {
				continue
			}
			for _, action := range s.Actions {
				service, _, _ := strings.Cut(action, ":")
				if service == "ecr" {
					service = "ecr.api"
				}
				want = append(want, service)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(names)
	text, err := os.ReadFile("../../../docs/enterprise-server.md")
	if err != nil {
		t.Fatal(err)
	}
	bullet := regexp.MustCompile(`(?s)\*\*Functions call AWS too\*\*.*?\n- `).FindString(string(text))
	var got []string
	for _, m := range regexp.MustCompile("`(?:com\\.amazonaws\\.<region>\\.)?([a-z.]+)`").FindAllStringSubmatch(bullet, -1) {
		got = append(got, m[1])
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("endpoints (-called +on the page):\n%s", diff)
	}
	listed := regexp.MustCompile(`These are (.*)\. The others`).FindStringSubmatch(string(text))
	if listed == nil {
		t.Fatal("the page lists no functions")
	}
	var on []string
	for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(listed[1], -1) {
		on = append(on, m[1])
	}
	slices.Sort(on)
	if diff := cmp.Diff(names, on); diff != "" {
		t.Errorf("functions (-that call GitHub +on the page):\n%s", diff)
	}
}

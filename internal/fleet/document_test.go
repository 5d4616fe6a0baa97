package fleet_test

import (
	"regexp"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ECS: "Up to 255 letters (uppercase and lowercase), numbers, hyphens, and underscores".
func TestFamiliesDiffer(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	seen := map[string]bool{}
	for _, d := range []fleet.TaskDefinition{
		{FleetName: "a", Image: "repo@" + digest, Arch: fleet.X64},
		{FleetName: "a", Image: "repo@" + digest, Arch: fleet.ARM64},
		{FleetName: "a", Image: "other@" + digest, Arch: fleet.X64},
		{FleetName: longestName, Image: "repo@" + digest, Arch: fleet.X64},
	} {
		family := d.Family()
		if seen[family] || !form.MatchString(family) || family != d.Family() {
			t.Errorf("%+v has the family %q", d, family)
		}
		seen[family] = true
	}
}

func TestOwner(t *testing.T) {
	for repository, want := range map[string]string{"octo/repo": "octo", "octo": "octo", "": ""} {
		equal(t, fleet.Job{Repository: repository}.Owner(), want)
	}
}

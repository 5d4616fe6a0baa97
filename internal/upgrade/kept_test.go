package upgrade

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keptReleases is how many releases back an upgrade may begin: docs/operations.md says so.
const keptReleases = 2

var released = regexp.MustCompile(`(?m)^## \[?(v?[0-9]+\.[0-9]+\.[0-9]+[^\] ]*)`)

// notKept lists the releases of a changelog, newest first, that an upgrade may begin from
// and that have no goldens.
func notKept(changelog string, kept []string) (missing []string) {
	for i, heading := range released.FindAllStringSubmatch(changelog, -1) {
		if version := "v" + strings.TrimPrefix(heading[1], "v"); i < keptReleases && !slices.Contains(kept, version) {
			missing = append(missing, version)
		}
	}
	return missing
}

// "May I skip a release?" One, because today's code finishes what either of the last
// two releases left in flight: none of their goldens may be missing.
func TestTheLastTwoReleasesAreKept(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, folder := range folders {
		kept = append(kept, folder.Name())
	}
	if missing := notKept(string(changelog), kept); len(missing) > 0 {
		t.Errorf("internal/upgrade/testdata lacks %s: write them with scripts/golden-release", strings.Join(missing, ", "))
	}
}

func TestWhatIsNotKeptIsNoticed(t *testing.T) {
	const changelog = "# Changelog\n\n## Unreleased\n\n## [1.2.0] - 2027-03-01\n\n## [1.1.0-rc.1] - 2027-02-01\n\n## [1.0.0] - 2027-01-01\n"
	for name, c := range map[string]struct{ kept, missing []string }{
		"both are there":        {[]string{"v1.2.0", "v1.1.0-rc.1"}, nil},
		"the last is not":       {[]string{"8e94fe4", "v1.1.0-rc.1", "v1.0.0"}, []string{"v1.2.0"}},
		"none is":               {[]string{"v1.0.0"}, []string{"v1.2.0", "v1.1.0-rc.1"}},
		"older ones may be too": {[]string{"v1.2.0", "v1.1.0-rc.1", "v1.0.0"}, nil},
	} {
		if missing := notKept(changelog, c.kept); !slices.Equal(missing, c.missing) {
			t.Errorf("%s: missing %q, want %q", name, missing, c.missing)
		}
	}
}

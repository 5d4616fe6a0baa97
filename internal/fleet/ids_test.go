package fleet_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var longestName = strings.Repeat("f", fleet.MaxFleetName)

func TestCheckFleetName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "a-1": true, "0": true, "a--b": true, longestName: true,
		"": false, longestName + "f": false, "-a": false, "a-": false, "-": false, "A": false, "a_b": false, "a.b": false, "a b": false, "a\n": false, "é": false,
	} {
		if err := fleet.CheckFleetName(name); (err == nil) != ok {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestRunnerNamesAreReadBack(t *testing.T) {
	const most = 999_999_999
	execution := regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)
	for name, tc := range map[string]struct {
		fleet string
		jobID int64
		n, k  int
	}{
		"a plain one":               {"fleet", 77, 1, 1},
		"a fleet with numbers":      {"a-1-2", 3, 4, 5},
		"a fleet that is a number":  {"7", 7, 7, 7},
		"the greatest of all parts": {longestName, math.MaxInt64, most, most},
	} {
		t.Run(name, func(t *testing.T) {
			id := fleet.RunnerID(tc.fleet, tc.jobID, tc.n)
			if !execution.MatchString(id) {
				t.Errorf("%q cannot name an execution", id)
			}
			full := fleet.RunnerName(id, tc.k)
			if len(full) > 64 {
				t.Errorf("%q has %d characters; GitHub allows 64", full, len(full))
			}
			for _, text := range []string{id, full} {
				got, jobID, ok := fleet.ParseRunnerID(tc.fleet, text)
				if got != id || jobID != tc.jobID || !ok {
					t.Errorf("ParseRunnerID(%q, %q) = %q, %d, %t", tc.fleet, text, got, jobID, ok)
				}
			}
		})
	}
}

func TestRunnersOfOtherFleets(t *testing.T) {
	names := []string{"a", "a-1", "a-1-2", "1", "b", "ab"}
	for _, ours := range names {
		for _, theirs := range names {
			id := fleet.RunnerID(theirs, 5, 1)
			if _, _, ok := fleet.ParseRunnerID(ours, fleet.RunnerName(id, 1)); ok != (ours == theirs) {
				t.Errorf("fleet %s takes %s to be its own: %t", ours, id, ok)
			}
		}
	}
}

func TestNamesThatAreNoRunners(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                   "",
		"the fleet alone":           "fleet",
		"a job alone":               "fleet-77",
		"words":                     "fleet-a-b",
		"a job of 0":                "fleet-0-1",
		"a count of 0":              "fleet-77-0",
		"a registration of 0":       "fleet-77-1.0",
		"zeros in front":            "fleet-077-1",
		"a job beyond int64":        "fleet-9223372036854775808-1",
		"a job of 20 digits":        "fleet-12345678901234567890-1",
		"a negative job":            "fleet--77-1",
		"a dot without a number":    "fleet-77-1.",
		"two registrations":         "fleet-77-1.1.1",
		"a space in front":          " fleet-77-1",
		"a newline at the end":      "fleet-77-1\n",
		"upper case":                "FLEET-77-1",
		"a machine of GitHub's":     "GitHub Actions 12",
		"a name that begins alike":  "fleet2-77-1",
		"a name that ends alike":    "my-fleet-77-1",
		"digits of another script":  "fleet-७७-1",
		"a count of a billion more": "fleet-77-1000000000",
	} {
		t.Run(name, func(t *testing.T) {
			if id, jobID, ok := fleet.ParseRunnerID("fleet", text); ok || id != "" || jobID != 0 {
				t.Errorf("%q is taken to be %q of job %d", text, id, jobID)
			}
		})
	}
}

// TestRunnerNamesHaveOneForm compares ParseRunnerID with a regular expression, for names made
// of all combinations of odd parts.
func TestRunnerNamesHaveOneForm(t *testing.T) {
	form := regexp.MustCompile(`^(.+)-(w[1-9][0-9]{0,3}|[1-9][0-9]{0,18})-([1-9][0-9]{0,8})(?:\.([1-9][0-9]{0,8}))?$`)
	parts := []string{"", "-", "--", ".", "fleet", "fleet-1", "w", "w1", "w01", "w10000", "0", "1", "20", "09", "999999999", "1000000000", "9223372036854775807", "9223372036854775808", "a.b", "\n"}
	compared := 0
	for _, ours := range []string{"fleet", "fleet-1", "1", "a.b", ""} {
		for _, a := range parts {
			for _, b := range parts {
				for _, c := range parts {
					for _, name := range []string{a + "-" + b + "-" + c, a + "-" + b + "-1." + c, a + b + c} {
						compared++
						m := form.FindStringSubmatch(name)
						wantID, wantJob, want := "", int64(0), m != nil && m[1] == ours
						if want && !strings.HasPrefix(m[2], "w") {
							var err error
							wantJob, err = strconv.ParseInt(m[2], 10, 64)
							want = err == nil
						}
						if want {
							wantID = ours + "-" + m[2] + "-" + m[3]
						} else {
							wantJob = 0
						}
						if id, job, ok := fleet.ParseRunnerID(ours, name); id != wantID || job != wantJob || ok != want {
							t.Fatalf("ParseRunnerID(%q, %q) = %q, %d, %t; want %q, %d, %t", ours, name, id, job, ok, wantID, wantJob, want)
						}
					}
				}
			}
		}
	}
	if compared < 10_000 {
		t.Errorf("only %d names were compared", compared)
	}
}

func TestRunID(t *testing.T) {
	equal(t, fleet.RunID(math.MaxInt64), "job-9223372036854775807")
}

package runnerfleet_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestAnIdleFleetIsCounted holds the counts of docs/cost.md to the template.
func TestAnIdleFleetIsCounted(t *testing.T) {
	doc, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	built := golden(t)
	for row, kind := range map[string]string{
		"alarms": "AWS::CloudWatch::Alarm", `secrets\*`: "AWS::SecretsManager::Secret", `dashboards \(three are free\)`: "AWS::CloudWatch::Dashboard",
	} {
		m := regexp.MustCompile(`(?m)^\| ` + row + ` \| (\d+) \|`).FindSubmatch(doc)
		if m == nil {
			t.Errorf("docs/cost.md has no row of %s", kind)
			continue
		}
		if n := len(built.list(kind)); string(m[1]) != strconv.Itoa(n) {
			t.Errorf("docs/cost.md: %s of %s, the template has %d", m[1], kind, n)
		}
	}
}

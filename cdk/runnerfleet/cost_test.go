package runnerfleet_test

import (
	"bytes"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
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
		`secrets\*`: "AWS::SecretsManager::Secret", `dashboards \(three are free\)`: "AWS::CloudWatch::Dashboard",
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
	// CloudWatch bills an alarm by the metrics that it looks at (https://aws.amazon.com/cloudwatch/pricing/).
	alarms, metrics := built.list("AWS::CloudWatch::Alarm"), 0
	for _, alarm := range alarms {
		metrics += max(1, strings.Count(flat(alarm.Properties["Metrics"]), `"MetricStat"`))
	}
	if row := regexp.MustCompile(`(?m)^\| metrics that alarms look at, .* of the (\d+) alarms .*\| (\d+) \|`).FindSubmatch(doc); row == nil || string(row[1]) != strconv.Itoa(len(alarms)) || string(row[2]) != strconv.Itoa(metrics) {
		t.Errorf("docs/cost.md has %q, and the template %d alarms with %d metrics", row, len(alarms), metrics)
	}
	total := 0.0
	for _, row := range regexp.MustCompile(`(?m)^\| .* \| \$([0-9.]+)(?: to \$[0-9.]+)? \|$`).FindAllSubmatch(section(t, doc, "## An idle fleet, a month"), -1) {
		total += price(t, row[1])
	}
	if sum := regexp.MustCompile(`About \*\*\$([0-9.]+)\*\*`).FindSubmatch(doc); sum == nil || math.Abs(total-price(t, sum[1])) > 0.05 {
		t.Errorf("docs/cost.md says %q, and its rows are $%.2f", sum, total)
	}
}

// section is a part of a page, with its title.
func section(t *testing.T, doc []byte, title string) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(doc, []byte(title+"\n"))
	if !ok {
		t.Fatalf("there is no %s", title)
	}
	part, _, _ := bytes.Cut(rest, []byte("\n## "))
	return part
}

func price(t *testing.T, text []byte) float64 {
	t.Helper()
	dollars, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		t.Fatal(err)
	}
	return dollars
}

package statemachine_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestCostsAreCounted holds docs/cost.md to what is counted here, in the file: the
// price of a job is mostly that of its state transitions.
func TestCostsAreCounted(t *testing.T) {
	doc, err := os.ReadFile("../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	d, golden := load(t), loadGolden(t)
	counted := map[string]int{}
	for row, walk := range map[string]string{
		"a job":                                  "a job whose image and task definition are there",
		"a job whose task definition is new":     "a job that runs",
		"a job that is refused":                  "a job that policy refuses",
		"a job whose image is built first":       "an image that is built first",
		"a job that is cancelled while it waits": "a job that needs no runner any more",
	} {
		transitions, invocations := 0, 0
		for _, state := range regexp.MustCompile(`\S+`).FindAllString(golden[walk].Path, -1) {
			transitions++
			if d.States[state].Type == "Task" {
				invocations++
			}
		}
		if transitions == 0 {
			t.Fatalf("there is no walk %q", walk)
		}
		counted[row+"/transitions"], counted[row+"/invocations"] = transitions, invocations
	}
	rows := regexp.MustCompile(`(?m)^\| (a job[^|]*?) +\| (\d+) +\| (\d+) +\| \$([0-9.]+) +\|$`).FindAllStringSubmatch(string(doc), -1)
	for _, row := range rows {
		name := row[1]
		transitions, invocations := number(t, row[2]), number(t, row[3])
		if transitions != counted[name+"/transitions"] || invocations != counted[name+"/invocations"] {
			t.Errorf("docs/cost.md: %s: %d transitions and %d functions, counted %d and %d", name, transitions, invocations, counted[name+"/transitions"], counted[name+"/invocations"])
		}
		// $0.025 per 1,000 transitions, as docs/cost.md says.
		if price, err := strconv.ParseFloat(row[4], 64); err != nil || math.Round(price*1e6) != float64(25*transitions) {
			t.Errorf("docs/cost.md: %s: $%s for %d transitions", name, row[4], transitions)
		}
	}
	if len(rows) != len(counted)/2 {
		t.Errorf("docs/cost.md has %d rows that can be checked, want %d", len(rows), len(counted)/2)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

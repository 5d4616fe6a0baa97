package forecast

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

var update = flag.Bool("update", false, "write the samples of "+page)

const page = "../../docs/simulate.md"

// TestTheSamplesOfTheDocs plays what docs/simulate.md shows, and compares or writes it.
func TestTheSamplesOfTheDocs(t *testing.T) {
	if testing.Short() {
		t.Skip("they take seconds of processor time")
	}
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	base := configured(t, "{github_repo: [octo-org/app, octo-org/lib, octo-org/site]}")
	made := func(name string) Plan {
		w, err := workload.Make(name, 1, Choice(base))
		if err != nil {
			t.Fatal(err)
		}
		return Plan{Config: base, Workload: w, Seed: 1}
	}
	vary := func(p Plan, key string, none *Result, values ...string) string {
		var results []Result
		for _, value := range values {
			v := Vary{Key: key, Values: values}
			if v.OfWarm() {
				if p.Config, err = v.Warm(value, base); err != nil {
					t.Fatal(err)
				}
			} else {
				p.Config = configured(t, "{github_repo: [octo-org/app, octo-org/lib, octo-org/site]}", v.Override(value, base))
			}
			r := Result{}
			if none != nil && value == "0" {
				r = *none
			} else {
				r = played(t, p).Result()
			}
			r.Varied = value
			results = append(results, r)
		}
		var text bytes.Buffer
		if err := RowsText(&text, readable.Screen{}, key, results); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}

	day := made("day")
	result := played(t, day).Result()
	report := NewReport(day, "", NoFaults)
	report.Results = []Result{result}
	var whole bytes.Buffer
	if err := report.Text(&whole, readable.Screen{}, base.MaxRunners); err != nil {
		t.Fatal(err)
	}
	sample, _, _ := strings.Cut(whole.String(), "\nWhat this rests on:")

	want := string(doc)
	for name, text := range map[string]string{
		"day":         sample,
		"max_runners": vary(made("burst"), "max_runners", nil, "10", "50", "200"),
		"warm":        vary(day, "warm", &result, "0", "1", "2"),
	} {
		begin, end := "<!-- "+name+": made by a test of internal/forecast -->\n```\n", "```\n<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			t.Fatalf("%s has no place for the sample %s", page, name)
		}
		want = before + begin + text + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("%s (-want +is; -update writes it):\n%s", page, diff)
	}
}

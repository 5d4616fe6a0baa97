package cost

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// TestTexts are looked at: testdata has them.
func TestTexts(t *testing.T) {
	for name, c := range map[string]struct {
		by     By
		region string
		runs   int
		here   bool
	}{
		"by-class":   {ByClass, "eu-central-1", 200, false},
		"by-run":     {ByRun, "", 60, true},
		"of-nothing": {ByDay, "", 0, false},
	} {
		counter := NewCounter(c.by, price.In(c.region), classes, at(1000), time.UTC)
		for _, l := range historyOf(rand.New(rand.NewPCG(1, 2)), c.runs) {
			counter.Add(l)
		}
		var got bytes.Buffer
		if err := counter.Report().Text(&got, readable.Screen{}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "\n%s\n", strings.Join(counter.Report().Notes(c.here), "\n"))
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got; -update writes it):\n%s", name, diff)
		}
	}
}

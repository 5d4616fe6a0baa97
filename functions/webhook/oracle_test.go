package webhook

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
)

const oracle = "testdata/oracle"

func oracleFleet(t *testing.T) *bench {
	t.Helper()
	c, err := config.Load(filepath.Join(oracle, "fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench()
	b.Policy = c.Policy()
	return b
}

// The table that send.mjs compares with agrees with this code and is complete.
func TestOracleTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(oracle, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]int
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	names := fixtures(t)
	if len(names) != len(want) {
		t.Errorf("%d files and %d expectations", len(names), len(want))
	}
	for _, name := range names {
		event, _, _ := strings.Cut(name, "/")
		if resp := oracleFleet(t).send(sent(event, fixture(t, name))); resp.Status != want[name] {
			t.Errorf("%s: got %d %+v, want %d", name, resp.Status, resp.Body, want[name])
		}
	}
}

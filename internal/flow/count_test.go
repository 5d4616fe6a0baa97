//go:build aws

package flow

import (
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
)

// TestAJobsCalls compares docs/cost.md with what one job really calls and invokes, once
// the functions' processes run.
func TestAJobsCalls(t *testing.T) {
	said := costsSaid(t)
	w := start(t)
	// A job's run may end before the last event about it has come.
	end := func(invocations int) {
		w.awaitEnd(w.github.Queue(job()))
		w.await("the job's last invocation", func() bool { return w.invocations() >= invocations })
	}
	end(said["invocations"] + 2) // the first job's task definition is new, and its image is looked for
	calls, before := len(w.proxy.Calls()), w.invocations()
	end(before + said["invocations"])
	counts := map[string]int{"invocations": w.invocations() - before}
	for _, call := range w.proxy.Calls()[calls:] {
		counts[kindOf(call)]++
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[kind], kind)
	}
	for kind, said := range said {
		// Some calls depend on which of two signals comes first.
		if n := float64(counts[kind]); math.Abs(float64(said)-n) > n/3 {
			t.Errorf("docs/cost.md says %d %s, counted %d", said, kind, counts[kind])
		}
	}
}

// costsSaid are the numbers in docs/cost.md.
func costsSaid(t *testing.T) map[string]int {
	t.Helper()
	doc, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for kind, row := range map[string]string{
		"invocations": `(\d+) invocations \(\$`, "events:PutEvents": `(\d+) events of ours`, "dynamodb reads": `(\d+) calls that read`, "dynamodb writes": `(\d+) that write`,
	} {
		m := regexp.MustCompile(row).FindSubmatch(doc)
		if m == nil {
			t.Fatalf("docs/cost.md says nothing of %s", kind)
		}
		if said[kind], err = strconv.Atoi(string(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	return said
}

// kindOf is the kind under which a call is counted.
func kindOf(call faultproxy.Call) string {
	if call.Service != "dynamodb" {
		return call.Service + ":" + call.Operation
	}
	switch call.Operation {
	case "GetItem", "BatchGetItem", "Query":
		return "dynamodb reads"
	}
	return "dynamodb writes"
}

//go:build aws

package flow

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/faultproxy"
)

// TestAJobsCalls holds docs/cost.md to what one job really calls and invokes, once the
// functions' processes are there.
func TestAJobsCalls(t *testing.T) {
	w := start(t)
	w.awaitEnd(w.github.Queue(job()))
	calls, invoked := len(w.proxy.Calls()), len(w.invoked)
	w.awaitEnd(w.github.Queue(job()))
	counts := map[string]int{}
	for _, call := range w.proxy.Calls()[calls:] {
		counts[kindOf(call)]++
	}
	counts["invocations"] = len(w.invoked) - invoked
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[kind], kind)
	}
	doc, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind, row := range map[string]string{
		"invocations": `(\d+) invocations \(\$`, "events:PutEvents": `(\d+) events of ours`, "dynamodb reads": `(\d+) calls that read`, "dynamodb writes": `(\d+) that write`,
	} {
		m := regexp.MustCompile(row).FindSubmatch(doc)
		if m == nil {
			t.Errorf("docs/cost.md says nothing of %s", kind)
			continue
		}
		// A signal that comes before or after another makes a call more or less.
		said, err := strconv.Atoi(string(m[1]))
		if err != nil || said < counts[kind]*8/10 || said > counts[kind]*12/10 {
			t.Errorf("docs/cost.md says %d %s, counted %d", said, kind, counts[kind])
		}
	}
}

// kindOf is what a call is counted as.
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

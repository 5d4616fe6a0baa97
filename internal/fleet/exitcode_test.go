package fleet_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// exitCodes are the Exit constants, read from their file.
func exitCodes(t *testing.T) map[string]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "exitcode.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Exit") {
			return true
		}
		codes[spec.Names[0].Name], err = strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
		return err == nil
	})
	if err != nil || len(codes) == 0 {
		t.Fatalf("read %d exit codes: %v", len(codes), err)
	}
	return codes
}

func TestEveryExitCodeIsExplained(t *testing.T) {
	seen := map[string]string{}
	for name, code := range exitCodes(t) {
		text := fleet.ExplainExit(code, "")
		if strings.Contains(text, "exited with status") || seen[text] != "" {
			t.Errorf("%s (%d) is explained as %q, like %q", name, code, text, seen[text])
		}
		seen[text] = name
	}
}

func TestExplainExit(t *testing.T) {
	for code, says := range map[int]string{
		0: "ended", 130: "told to stop", 143: "told to stop", 137: "killed", 1: "exited with status 1", 255: "exited with status 255",
	} {
		if text := fleet.ExplainExit(code, ""); !strings.Contains(text, says) {
			t.Errorf("%d: got %q, want …%s…", code, text, says)
		}
	}
}

func TestTheReasonOfTheEnd(t *testing.T) {
	for _, tc := range []struct {
		code         int
		reason, want string
	}{
		{137, "OutOfMemoryError: Container killed due to memory usage", "the runner was killed because it ran out of memory (OutOfMemoryError: Container killed due to memory usage)"},
		{0, "container guard: OutOfMemoryError: x", "the runner ended (container guard: OutOfMemoryError: x)"},
		{2, "ContainerRuntimeError: x", "the runner exited with status 2 (ContainerRuntimeError: x)"},
	} {
		equal(t, fleet.ExplainExit(tc.code, tc.reason), tc.want)
	}
}

func TestExitForClaim(t *testing.T) {
	final := map[int]bool{401: true, 409: true, 410: true, 424: true}
	for status := range 1000 {
		code, ok := fleet.ExitForClaim(status)
		if ok != final[status] || ok && code != status-330 || !ok && code != 0 {
			t.Errorf("ExitForClaim(%d) = %d, %t", status, code, ok)
		}
	}
}

package console

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs: run the test with -update and look at the change\n%s", path, got)
	}
}

func layout(t *testing.T) Graph {
	t.Helper()
	g, err := Layout(statemachine.Definition)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestTheGraphOfTheStateMachine(t *testing.T) {
	g := layout(t)
	var b strings.Builder
	fmt.Fprintf(&b, "%d x %d\n", g.Width, g.Height)
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "%-22s  %-6s  at %d,%d\n", n.Name, n.Type, n.X, n.Y)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "%-5s %s to %s: %s\n      %s\n", e.Kind, e.From, e.To, e.Why, e.Path())
	}
	golden(t, "graph.txt", b.String())
}

func TestStatesOfTheGraphAreApart(t *testing.T) {
	g := layout(t)
	for i, a := range g.Nodes {
		for _, b := range g.Nodes[i+1:] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies on %s", a.Name, b.Name)
			}
		}
	}
}

func TestNoEdgeOfTheGraphPassesThroughAState(t *testing.T) {
	g := layout(t)
	for _, e := range g.Edges {
		for i := 1; i < len(e.Points); i++ {
			a, b := e.Points[i-1], e.Points[i]
			for _, n := range g.Nodes {
				if max(a.X, b.X) > n.X && min(a.X, b.X) < n.X+n.W && max(a.Y, b.Y) > n.Y && min(a.Y, b.Y) < n.Y+n.H {
					t.Errorf("the edge from %s to %s passes through %s", e.From, e.To, n.Name)
				}
			}
		}
	}
}

func TestAGraphThatCannotBeDrawn(t *testing.T) {
	for name, c := range map[string]struct{ asl, want string }{
		"no JSON":                   {"{", "read the state machine: unexpected end of JSON input"},
		"a state that is not there": {`{"StartAt":"A","States":{"A":{"Type":"Task","Next":"B"}}}`, "read the state machine: there is no state B"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Layout([]byte(c.asl))
			if fmt.Sprint(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

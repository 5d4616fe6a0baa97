package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Graph is a state machine laid out for a picture. The layout follows from the definition
// alone: the way of a job that goes well is a straight column, what may come between is
// beside it, and what a failure leads to is at the right.
type Graph struct {
	Width, Height int
	Nodes         []Node // in the order in which a job comes to them
	Edges         []Edge
}

// Node is a state. X and Y are its upper left corner.
type Node struct {
	Name, Type, Comment string
	X, Y, W, H          int
	rank, column        int
}

// Edge leads from one state to another.
type Edge struct {
	From, To string
	Kind     edgeKind
	Why      string // what leads along it: "next", a choice or the names of errors
	Points   []Point
}

// Point is a corner of an edge.
type Point struct{ X, Y int }

type edgeKind string

const (
	edgeNext  edgeKind = "next"  // the step has done its work, or a choice
	edgeCatch edgeKind = "catch" // an error that the machine knows what to do about
	edgeFail  edgeKind = "fail"  // every other error
	edgeBack  edgeKind = "back"  // leads to a state that was passed
)

// definition is the part of Amazon States Language that a picture needs.
type definition struct {
	StartAt string
	States  map[string]struct {
		Comment, Type, Next, Default string
		Choices                      []rule
		Catch                        []struct {
			ErrorEquals []string
			Next        string
		}
	}
}

// rule is one of a choice.
type rule struct {
	Variable, StringEquals, Next string
	IsPresent                    bool
	And                          []rule
}

// why is what the rule asks for in a few words: a value, or what is there.
func (r rule) why() string {
	switch {
	case len(r.And) > 0:
		return r.And[0].why()
	case r.IsPresent:
		return r.Variable[strings.LastIndexByte(r.Variable, '.')+1:]
	}
	return r.StringEquals
}

// Layout reads a definition and lays it out.
func Layout(asl []byte) (Graph, error) {
	var def definition
	if err := json.Unmarshal(asl, &def); err != nil {
		return Graph{}, fmt.Errorf("read the state machine: %w", err)
	}
	w := walk{def: def, at: map[string]int{}, open: map[string]bool{}}
	if err := w.visit(def.StartAt); err != nil {
		return Graph{}, err
	}
	w.rank()
	w.columns()
	return w.place(), nil
}

// walk visits the states in the order in which a job comes to them.
type walk struct {
	def   definition
	nodes []Node
	edges []Edge
	at    map[string]int  // where a state is in nodes
	open  map[string]bool // states that the present one was reached by
	ended []string        // states, each after all that it leads to
	spine []string
}

// leads lists where a state leads, the way of a job that goes well first.
func (w *walk) leads(name string) (edges []Edge) {
	s := w.def.States[name]
	add := func(to string, kind edgeKind, why string) {
		if to == "" {
			return
		}
		if i := slices.IndexFunc(edges, func(e Edge) bool { return e.To == to }); i >= 0 {
			edges[i].Why += ", " + why
			return
		}
		edges = append(edges, Edge{From: name, To: to, Kind: kind, Why: why})
	}
	add(s.Next, edgeNext, "next")
	for _, c := range s.Choices {
		add(c.Next, edgeNext, c.why())
	}
	add(s.Default, edgeNext, "otherwise")
	for _, c := range s.Catch {
		if slices.Contains(c.ErrorEquals, "States.ALL") {
			add(c.Next, edgeFail, "any other error")
		} else {
			add(c.Next, edgeCatch, strings.Join(c.ErrorEquals, ", "))
		}
	}
	return edges
}

func (w *walk) visit(name string) error {
	state, ok := w.def.States[name]
	if !ok {
		return fmt.Errorf("read the state machine: there is no state %s", name)
	}
	w.at[name] = len(w.nodes)
	w.nodes = append(w.nodes, Node{Name: name, Type: state.Type, Comment: state.Comment})
	w.open[name] = true
	for i, e := range w.leads(name) {
		if i == 0 && (len(w.spine) == 0 || w.spine[len(w.spine)-1] == name) {
			if len(w.spine) == 0 {
				w.spine = append(w.spine, name)
			}
			if _, known := w.at[e.To]; !known {
				w.spine = append(w.spine, e.To)
			}
		}
		if w.open[e.To] {
			e.Kind = edgeBack
		}
		w.edges = append(w.edges, e)
		if _, known := w.at[e.To]; !known {
			if err := w.visit(e.To); err != nil {
				return err
			}
		}
	}
	delete(w.open, name)
	w.ended = append(w.ended, name)
	return nil
}

// rank puts each state below all that lead to it.
func (w *walk) rank() {
	for _, name := range slices.Backward(w.ended) {
		for _, e := range w.edges {
			if e.From == name && e.Kind != edgeBack {
				to := &w.nodes[w.at[e.To]]
				to.rank = max(to.rank, w.nodes[w.at[name]].rank+1)
			}
		}
	}
}

// columns puts the way of a job that goes well first, what only a failure leads to last,
// and the rest between.
func (w *walk) columns() {
	failed := map[string]bool{}
	for _, e := range w.edges {
		if e.Kind == edgeFail {
			failed[e.To] = true
		}
	}
	for range w.nodes { // what only failures lead to is of a failure itself
		for _, n := range w.nodes {
			from := 0
			for _, e := range w.edges {
				if e.To == n.Name && !failed[e.From] {
					from++
				}
			}
			if from == 0 && n.Name != w.def.StartAt {
				failed[n.Name] = true
			}
		}
	}
	taken := map[Point]bool{}
	for i := range w.nodes {
		n := &w.nodes[i]
		switch {
		case slices.Contains(w.spine, n.Name):
			n.column = 0
		case failed[n.Name]:
			n.column = 2
		default:
			n.column = 1
		}
		for taken[Point{n.column, n.rank}] {
			n.rank++
		}
		taken[Point{n.column, n.rank}] = true
	}
}

// Sizes of the picture, in its own units.
const (
	margin     = 12
	nodeWidth  = 184
	nodeHeight = 34
	rowHeight  = 54
	leftRail   = 26 // for what leads past many states
	lanes      = 60 // between the first column and the second, for what leads back
	gap        = 30
	lane       = 11 // between two lines
)

func columnX(column int) int {
	x := margin + leftRail
	if column > 0 {
		x += nodeWidth + lanes
	}
	return x + max(0, column-1)*(nodeWidth+gap)
}

func (w *walk) place() Graph {
	g := Graph{}
	for _, n := range w.nodes {
		n.X, n.Y, n.W, n.H = columnX(n.column), margin+n.rank*rowHeight, nodeWidth, nodeHeight
		g.Nodes = append(g.Nodes, n)
		g.Width, g.Height = max(g.Width, n.X+n.W+margin), max(g.Height, n.Y+n.H+margin)
	}
	back := 0
	for _, e := range w.edges {
		from, to := g.Nodes[w.at[e.From]], g.Nodes[w.at[e.To]]
		if e.Kind == edgeBack {
			e.Points = leadBack(from, to, back)
			back++
		} else {
			e.Points = g.lead(from, to, e.Kind)
		}
		g.Edges = append(g.Edges, e)
	}
	return g
}

// Middle and Right are where its text is, by its side.
func (n Node) Middle() int { return n.centerX() }

// Right is its right side.
func (n Node) Right() int { return n.X + n.W }

func (n Node) centerX() int { return n.X + n.W/2 }
func (n Node) centerY() int { return n.Y + n.H/2 }

// lead is the way of an edge that leads down.
func (g Graph) lead(from, to Node, kind edgeKind) []Point {
	switch {
	case from.column == to.column && !g.occupied(to.column, from.rank+1, to.rank-1):
		return []Point{{from.centerX(), from.Y + from.H}, {to.centerX(), to.Y}}
	case from.column < to.column && !g.occupied(to.column, from.rank, to.rank-1):
		y := from.centerY()
		if kind == edgeFail {
			y += lane
		}
		return []Point{{from.X + from.W, y}, {to.centerX(), y}, {to.centerX(), to.Y}}
	case from.column > to.column && !g.occupied(from.column, from.rank+1, to.rank):
		return []Point{{from.centerX(), from.Y + from.H}, {from.centerX(), to.centerY()}, {to.X + to.W, to.centerY()}}
	}
	rail := margin + leftRail/3
	return []Point{{from.X, from.centerY()}, {rail, from.centerY()}, {rail, to.centerY()}, {to.X, to.centerY()}}
}

// leadBack is the way of an edge that leads up, in a lane of its own.
func leadBack(from, to Node, n int) []Point {
	x := columnX(0) + nodeWidth + 2*lane + (n%3)*lane
	out := from.X
	if from.column == 0 {
		out += from.W
	}
	y := from.centerY() - lane/2
	return []Point{{out, y}, {x, y}, {x, to.centerY() - lane}, {to.X + to.W, to.centerY() - lane}}
}

// occupied reports whether a column has a state in one of the rows.
func (g Graph) occupied(column, first, last int) bool {
	return slices.ContainsFunc(g.Nodes, func(n Node) bool { return n.column == column && n.rank >= first && n.rank <= last })
}

// Path is the edge as the data of an SVG path, with rounded corners.
func (e Edge) Path() string {
	const round = 8
	var b strings.Builder
	for i, p := range e.Points {
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%d %d", p.X, p.Y)
		case i == len(e.Points)-1:
			fmt.Fprintf(&b, "L%d %d", p.X, p.Y)
		default:
			before, after := toward(p, e.Points[i-1], round), toward(p, e.Points[i+1], round)
			fmt.Fprintf(&b, "L%d %dQ%d %d %d %d", before.X, before.Y, p.X, p.Y, after.X, after.Y)
		}
	}
	return b.String()
}

// toward is the point at a distance from one point in the direction of another, or half
// way there if that is nearer. The two have a coordinate in common.
func toward(from, to Point, distance int) Point {
	step := func(a, b int) int {
		d := b - a
		return a + max(-distance, min(distance, d/2))
	}
	return Point{step(from.X, to.X), step(from.Y, to.Y)}
}

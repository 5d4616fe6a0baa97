package upgrade

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

var releaseName = flag.String("release", "", "write the goldens of a release of this name; it is what this is compiled from")

// withTables are the goldens whose records are stored in tables too. Together they have
// every kind of record.
var withTables = []string{"at-AwaitCompletion-it-took-the-job-of-another.json", "at-Validate-the-next-runner-after-a-failure.json"}

// write makes the compiled code write its own goldens.
func write(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{definitionFile: {Data: statemachine.Definition}}
	var kept []tables
	for _, story := range slices.Sorted(maps.Keys(walks)) {
		for _, g := range walks[story].moments(t) {
			text, err := g.encode()
			if err != nil {
				t.Fatal(err)
			}
			if files[g.fileName()] != nil {
				t.Errorf("two goldens have the name %s", g.fileName())
			}
			files[g.fileName()] = &fstest.MapFile{Data: text}
			if slices.Contains(withTables, g.fileName()) {
				kept = append(kept, writeTables(t, g))
			}
		}
	}
	if len(kept) != len(withTables) {
		t.Errorf("%d of %d goldens are kept in tables", len(kept), len(withTables))
	}
	text, err := json.MarshalIndent(kept, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	files[tablesFile] = &fstest.MapFile{Data: append(text, '\n')}
	return files
}

// below puts what a release wrote into its folder.
func below(dir string, files fstest.MapFS) fstest.MapFS {
	out := fstest.MapFS{}
	for file, content := range files {
		out[dir+"/"+file] = content
	}
	return out
}

// TestUpgrade finishes, with today's code, what each release left in flight.
func TestUpgrade(t *testing.T) {
	releases, err := read(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range checkSchema(releases, fleet.Schema) {
		t.Error(problem)
	}
	for _, r := range releases {
		t.Run(r.Name, func(t *testing.T) { r.holds(t) })
	}
}

// TestWrite compares today's code with its own goldens, so that the next release can
// write them. It writes them if it is given a name.
func TestWrite(t *testing.T) {
	files := write(t)
	releases, err := read(below("today", files))
	if err != nil {
		t.Fatal(err)
	}
	releases[0].holds(t)
	if *releaseName == "" || t.Failed() {
		return
	}
	dir := filepath.Join("testdata", *releaseName)
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("goldens are written once: %v", err)
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), content.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// holds fails the test for every golden that today's code does not read, or does not
// bring to the end that it had.
func (r release) holds(t *testing.T) {
	t.Helper()
	for _, problem := range r.check() {
		t.Error(problem)
	}
	for _, g := range r.Goldens {
		if f, ok := furtherEnds[r.Name+"/"+g.fileName()]; ok {
			g.further, g.End = f.tell, f.end
		}
		for how, definitions := range r.definitions() {
			t.Run(strings.TrimSuffix(g.fileName(), ".json")+", "+how, func(t *testing.T) {
				for _, problem := range g.playOn(t, definitions) {
					t.Error(problem)
				}
			})
		}
	}
	for _, kept := range r.Tables {
		i := slices.IndexFunc(r.Goldens, func(g golden) bool { return g.fileName() == kept.Golden })
		if i < 0 {
			t.Errorf("%s is of %s, which there is not", tablesFile, kept.Golden)
			continue
		}
		for _, problem := range kept.misread(t, r.Goldens[i]) {
			t.Error(problem)
		}
	}
}

// definitions are the two ways in which executions go on: on AWS in the definition that
// they began with, on one machine in today's.
func (r release) definitions() map[string][][]byte {
	return map[string][][]byte{
		"in its own definition": {r.Definition, statemachine.Definition},
		"in today's definition": {statemachine.Definition},
	}
}

// playOn brings a golden to its end and says what went wrong.
func (g golden) playOn(t *testing.T, definitions [][]byte) []string {
	t.Helper()
	p := newPlay(t)
	first := len(definitions) > 1 && g.Entered
	p.calling = func(call fleet.Call) {
		if first && !same(g.Call, call) {
			p.problem("the call of %s is another than that of the golden", call.State)
		}
		first = false
	}
	p.load(g, definitions...)
	for _, h := range g.ToCome {
		p.happens(h)
	}
	if g.further != nil {
		g.further(&teller{play: p, calls: map[string]fleet.Call{}})
	}
	p.toTheEnd()
	return slices.Concat(p.problems, p.leftovers(), g.End.differences(p.ending()))
}

package repository_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// files lists the repository's files of a suffix, without what is installed.
func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == "testdata" || entry.Name() == "build"):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, suffix):
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no %s file below %s: this test would hold for nothing", suffix, dir)
	}
	return found
}

func parse(t *testing.T, path string) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return set, file
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, path := range files(t, ".", ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		dir := filepath.Dir(path)
		_, file := parse(t, path)
		documented[dir] = documented[dir] || file.Doc.Text() != ""
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package in %s has no package comment", dir)
		}
	}
}

// TestStepsDoNotWait keeps sleeps, waiters and polling out of the steps: waiting
// is the state machine's, where it costs nothing and survives a crash.
func TestStepsDoNotWait(t *testing.T) {
	for _, dir := range []string{"functions", "internal/lifecycle", "internal/fleet"} {
		for _, path := range files(t, dir, ".go") {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			set, file := parse(t, path)
			for _, problem := range waits(file) {
				t.Errorf("%s: %s", set.Position(problem.at), problem.what)
			}
		}
	}
}

type problem struct {
	at   token.Pos
	what string
}

func waits(file *ast.File) (problems []problem) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			timer := ok && pkg.Name == "time" && regexp.MustCompile(`^(Sleep|After|AfterFunc|Tick|NewTicker|NewTimer)$`).MatchString(n.Sel.Name)
			if timer || strings.HasSuffix(n.Sel.Name, "Waiter") {
				problems = append(problems, problem{n.Pos(), "a step waits with " + n.Sel.Name})
			}
		case *ast.ForStmt:
			if n.Init == nil || n.Post == nil {
				problems = append(problems, problem{n.Pos(), "a loop without a counter may poll; use range, or let the state machine wait"})
			}
		}
		return true
	})
	return problems
}

func TestStepsDoNotWaitNotices(t *testing.T) {
	for what, body := range map[string]string{
		"a sleep":        `time.Sleep(1)`,
		"a timer":        `<-time.After(1)`,
		"an SDK waiter":  `ecs.NewTasksRunningWaiter(nil)`,
		"a polling loop": `for !done() { look() }`,
		"an endless one": `for { look() }`,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {"+body+"}", 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(waits(file)) == 0 {
			t.Errorf("%s is not noticed", what)
		}
	}
}

// TestNothingImportsUpward keeps the layers of docs/architecture.md apart.
func TestNothingImportsUpward(t *testing.T) {
	const module = "github.com/ecs-runner-fleet/ecs-runner-fleet/"
	may := map[string][]string{
		"internal/fleet":     {},
		"internal/engine":    {},
		"internal/lifecycle": {"internal/fleet", "internal/lifecycle"},
		"functions":          {"internal/fleet", "internal/lifecycle", "functions"},
		"internal/github":    {"internal/fleet"},
		"internal/config":    {"internal/fleet"},
		"runner":             {"internal/fleet", "runner"},
		"internal/sim":       {"internal/sim"},
		"internal/mutation":  {"internal/mutation"},
		"internal/aws":       {"internal/fleet", "internal/engine", "internal/report", "internal/aws"},

		"internal/local/task":      {"internal/fleet", "internal/local/task"},
		"internal/local/process":   {"internal/fleet", "internal/local/task"},
		"internal/local/container": {"internal/fleet", "internal/local/task", "internal/local/container/registrytest"},

		"cdk/runnerfleet/grants":    {},
		"cdk/runnerfleet/functions": {"cdk/runnerfleet/grants", "internal/aws/deployment"},

		"internal/simulation/kernel":    {},
		"internal/simulation/simgithub": {"internal/simulation/kernel"}, // what GitHub does is not taken from the fleet's code
		"internal/simulation/simaws":    {"internal/simulation/kernel"}, // what AWS does is not taken from the fleet's code
	}
	for dir, allowed := range may {
		for _, path := range files(t, dir, ".go") {
			if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "lifecycletest") || isWiring(path) {
				continue
			}
			_, file := parse(t, path)
			for _, spec := range file.Imports {
				imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
				if !ours {
					continue
				}
				ok := false
				for _, prefix := range allowed {
					ok = ok || imported == prefix || strings.HasPrefix(imported, prefix+"/")
				}
				if !ok {
					t.Errorf("%s imports %s, which %s may not", path, imported, dir)
				}
			}
		}
	}
}

// TestFactsOfTheDeploymentNeedNoCDK keeps AWS's libraries out of what tests, the simulated
// world and the functions read of the deployment: the CDK starts a JavaScript runtime.
func TestFactsOfTheDeploymentNeedNoCDK(t *testing.T) {
	for _, dir := range []string{"cdk/runnerfleet/functions", "cdk/runnerfleet/grants", "internal/aws/deployment"} {
		for _, path := range files(t, dir, ".go") {
			_, file := parse(t, path)
			for _, spec := range file.Imports {
				if strings.HasPrefix(spec.Path.Value, `"github.com/aws/`) {
					t.Errorf("%s imports %s", path, spec.Path.Value)
				}
			}
		}
	}
}

// isWiring tells whether a file is the main of a Lambda function, which connects a
// step to AWS.
func isWiring(path string) bool { return filepath.Base(filepath.Dir(path)) == "lambda" }

// TestMainsOnlyConnect: a function's main has no room for a decision, and nothing
// but what starts it knows Lambda's runtime.
func TestMainsOnlyConnect(t *testing.T) {
	const most = 40
	mains := 0
	for _, path := range files(t, "functions", ".go") {
		if !isWiring(path) {
			continue
		}
		mains++
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > most {
			t.Errorf("%s has %d lines, at most %d are allowed", path, n, most)
		}
	}
	if mains == 0 {
		t.Error("no function has a main: this test holds for nothing")
	}
	for _, path := range files(t, ".", ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		_, file := parse(t, path)
		for _, spec := range file.Imports {
			if spec.Path.Value == `"github.com/aws/aws-lambda-go/lambda"` && !strings.HasPrefix(path, "internal/deployed/") {
				t.Errorf("%s imports Lambda's runtime", path)
			}
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

// TestLinksInTheDocsLead somewhere: those within the repository, to a file that
// is there.
func TestLinksInTheDocsLead(t *testing.T) {
	links := 0
	for _, path := range files(t, ".", ".md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s, which there is not", path, m[1])
			}
		}
	}
	if links == 0 {
		t.Error("the docs have no links: this test holds for nothing")
	}
}

// TestDependenciesAreExplained: each direct one stands in docs/dependencies.md,
// and nothing else does.
func TestDependenciesAreExplained(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, line := range strings.Split(string(mod), "\n") {
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.Contains(fields[0], "/") || !strings.HasPrefix(fields[1], "v") {
			continue // indirect ones have a comment
		}
		direct++
		if !strings.Contains(string(doc), "`"+fields[0]+"`") {
			t.Errorf("docs/dependencies.md does not say why there is %s", fields[0])
		}
	}
	if direct == 0 {
		t.Error("go.mod has no direct dependencies: this test holds for nothing")
	}
}

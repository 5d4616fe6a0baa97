package repository_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
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

// mayImport are the layers of docs/architecture.md: which of the project's packages those
// below a folder may import. The longest folder counts, and * is any one name.
var mayImport = map[string][]string{
	"internal/fleet":        {},
	"internal/execution":    {},
	"internal/engine":       {"internal/execution"},
	"internal/lifecycle":    {"internal/fleet", "internal/lifecycle"},
	"functions":             {"internal/fleet", "internal/lifecycle", "internal/metric", "internal/price", "functions"},
	"functions/*/lambda":    {"internal/fleet", "internal/lifecycle", "internal/report", "internal/aws", "functions"},
	"internal/github":       {"internal/fleet"},
	"internal/config":       {"internal/fleet"},
	"internal/decisiontest": {"internal/fleet", "internal/config"},
	"internal/stages":       {"internal/fleet"},
	"internal/pools":        {"internal/fleet", "internal/price", "internal/report"},
	"internal/report":       {"internal/fleet", "internal/execution", "internal/stages"},
	"internal/readable":     {"internal/execution", "internal/report", "internal/stages"},
	"internal/why":          {"internal/fleet", "internal/report", "internal/readable", "internal/stages"},
	"internal/stats":        {"internal/fleet", "internal/report", "internal/readable", "internal/stages"},
	"internal/workload":     {},
	"internal/forecast":     {"internal/config", "internal/cost", "internal/fleet", "internal/price", "internal/readable", "internal/report", "internal/simulation", "internal/stages", "internal/stats", "internal/workload"},
	"internal/top":          {"internal/fleet", "internal/pools", "internal/report", "internal/readable", "internal/stages", "internal/stats"},
	"internal/cost":         {"internal/fleet", "internal/price", "internal/report", "internal/readable"},
	"internal/operate":      {"internal/fleet", "internal/lifecycle"},
	"internal/doctor":       {"internal/fleet", "internal/lifecycle", "internal/github"},
	"internal/loopback":     {},
	"internal/console":      {"internal/cost", "internal/execution", "internal/fleet", "internal/operate", "internal/pools", "internal/price", "internal/readable", "internal/report", "internal/stages", "internal/why", "internal/engine", "statemachine"},
	"internal/setup":        {"internal/fleet", "internal/github", "internal/doctor", "internal/loopback"},
	"internal/storetest":    {"internal/fleet", "internal/lifecycle", "internal/report", "internal/why", "internal/stats", "internal/cost", "internal/price", "internal/console"},
	"runner":                {"internal/fleet", "runner"},
	"statemachine":          {},
	"examples":              {},
	"internal/sim":          {"internal/sim"},
	"internal/price":        {"internal/fleet"},
	"internal/metric":       {},
	"internal/workflowfile": {},
	"internal/mutation":     {"internal/mutation"},

	"internal/authoritytest": {},

	// An adapter knows neither Lambda's runtime nor what is built of several adapters.
	"internal/aws": {
		"internal/fleet", "internal/aws/awserr", "internal/aws/deployment", "internal/aws/ecsfleet", "internal/aws/events", "internal/aws/function", "internal/aws/kept",
	},
	"internal/aws/deployment": {"internal/fleet"},
	"internal/aws/kept":       {},
	"internal/aws/awserr":     {"internal/fleet"},
	"internal/aws/function":   {"internal/fleet", "internal/aws/deployment"},
	"internal/aws/border":     {"internal/fleet", "internal/aws/awserr", "internal/aws/function"},
	"internal/aws/dynamo":     {"internal/fleet", "internal/report", "internal/aws/deployment", "internal/aws/function"},
	"internal/aws/history":    {"internal/execution", "internal/aws/awserr"},
	"internal/aws/quotas":     {"internal/doctor", "internal/aws/awserr"},
	"internal/aws/metrics":    {"internal/metric", "internal/aws/deployment", "internal/aws/function"},
	"internal/aws/operations": {"internal/lifecycle", "internal/aws/dynamo", "internal/aws/function"},
	"internal/aws/githubapi":  {"internal/github", "internal/aws/deployment", "internal/aws/function", "internal/aws/secrets"},

	"internal/local": {
		"internal/fleet", "internal/engine", "internal/lifecycle", "internal/github", "internal/operate", "internal/doctor", "internal/metric", "internal/report", "internal/local", "functions", "runner", "statemachine",
	},
	"internal/local/control":     {"internal/fleet", "internal/lifecycle", "internal/operate", "internal/doctor", "internal/report", "internal/local/datadir", "internal/local/sqlite"},
	"internal/local/datadir":     {},
	"internal/local/instruments": {"internal/metric"},
	"internal/local/sqlite":      {"internal/fleet", "internal/engine", "internal/report"},
	"internal/local/task":        {"internal/fleet", "internal/local/task"},
	"internal/local/process":     {"internal/fleet", "internal/local/task"},
	"internal/local/container":   {"internal/fleet", "internal/local/task", "internal/local/container/registrytest"},

	"internal/simulation": {
		"internal/fleet", "internal/engine", "internal/lifecycle", "internal/github", "internal/price", "internal/readable", "internal/report", "internal/aws", "internal/simulation",
		"functions", "runner", "statemachine", "cdk/runnerfleet/functions",
	},
	"internal/simulation/table":     {"internal/fleet", "internal/report"},
	"internal/simulation/kernel":    {},
	"internal/simulation/simgithub": {"internal/simulation/kernel"}, // what GitHub does is not taken from the fleet's code
	"internal/simulation/simsts":    {},
	"internal/simulation/simaws":    {"internal/simulation/kernel"}, // what AWS does is not taken from the fleet's code

	"internal/calls":         {},
	"internal/docstest":      {},
	"internal/firstfailures": {},
	"internal/peers":         {},
	"internal/bench":         {"internal/fleet", "internal/github", "internal/local", "internal/sim", "internal/bench", "internal/doctable", "runner/entrypoint"},
	"internal/doctable":      {},
	"internal/flow":          {},
	"internal/upgrade":       {},

	"cmd": {"internal", "runner", "examples", "functions/webhook"},

	"cdk/runnerfleet/grants":    {},
	"cdk/runnerfleet/functions": {"cdk/runnerfleet/grants", "internal/aws/deployment"},

	"cdk": {"cdk", "internal/fleet", "internal/config", "internal/metric", "internal/aws/deployment", "runner", "statemachine"},
}

const module = "github.com/ecs-runner-fleet/ecs-runner-fleet/"

// imports are the project's packages that a file imports.
func imports(file *ast.File) (ours []string) {
	for _, spec := range file.Imports {
		if imported, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ok {
			ours = append(ours, imported)
		}
	}
	return ours
}

// layer is the folder of mayImport that counts for a package, "" if there is none.
func layer(pkg string) string {
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		parts := strings.Split(dir, "/")
		for i := range parts {
			pattern := slices.Clone(parts)
			pattern[i] = "*"
			if _, ok := mayImport[strings.Join(pattern, "/")]; ok {
				return strings.Join(pattern, "/")
			}
		}
		if _, ok := mayImport[dir]; ok {
			return dir
		}
	}
	return ""
}

// TestNothingImportsUpward keeps the layers apart. A package that is new needs a layer.
func TestNothingImportsUpward(t *testing.T) {
	met := map[string]bool{}
	for _, path := range files(t, ".", ".go") {
		pkg := filepath.ToSlash(filepath.Dir(path))
		if pkg == "." || strings.HasPrefix(pkg, "examples/") {
			continue // tests of the repository, and a module of its own
		}
		dir := layer(pkg)
		if dir == "" {
			t.Errorf("%s is in no layer: give it a line in mayImport", pkg)
		}
		met[dir] = true
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		_, file := parse(t, path)
		for _, imported := range imports(file) {
			if !slices.ContainsFunc(mayImport[dir], func(allowed string) bool { return imported == allowed || strings.HasPrefix(imported, allowed+"/") }) {
				t.Errorf("%s imports %s, which %s may not", path, imported, dir)
			}
			if isForTests(imported) && !isForTests(pkg) {
				t.Errorf("%s imports %s, which is for tests", path, imported)
			}
		}
	}
	for dir := range mayImport {
		if !met[dir] {
			t.Errorf("mayImport has %s, and no package is there", dir)
		}
	}
}

// TestTheSimulationIsNoTest: the simulated world is a part of the ecsrunner program, which has
// nothing of Go's test packages.
func TestTheSimulationIsNoTest(t *testing.T) {
	for _, path := range files(t, "internal/simulation", ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		_, file := parse(t, path)
		for _, spec := range file.Imports {
			if imported := strings.Trim(spec.Path.Value, `"`); imported == "testing" || strings.HasSuffix(imported, "test") {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}

// isForTests reports whether a package only serves tests.
func isForTests(pkg string) bool {
	return regexp.MustCompile(`(^|/)([a-z]+test|calls|firstfailures|flow|upgrade)(/|$)`).MatchString(pkg)
}

// TestLayersNotice: what the layers forbid does not go by unnoticed.
func TestLayersNotice(t *testing.T) {
	for pkg, want := range map[string]string{
		"functions/runtask":                       "functions",
		"functions/runtask/lambda":                "functions/*/lambda",
		"internal/aws/ecsfleet":                   "internal/aws",
		"internal/aws/function":                   "internal/aws/function",
		"internal/lifecycle/lifecycletest":        "internal/lifecycle",
		"internal/simulation/cmd/simulate":        "internal/simulation",
		"internal/anything":                       "",
		"internal/local/container/registrytest":   "internal/local/container",
		"internal/local/container/registrytest/a": "internal/local/container",
	} {
		if got := layer(pkg); got != want {
			t.Errorf("%s is in layer %q, want %q", pkg, got, want)
		}
	}
	for pkg, want := range map[string]bool{"internal/lifecycle/lifecycletest": true, "internal/aws/awstest/lambdahost": true, "internal/simulation/kernel": false, "internal/lifecycle": false, "internal/aws/function": false} {
		if isForTests(pkg) != want {
			t.Errorf("%s is for tests: %t", pkg, !want)
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

// isWiring reports whether a file is in the folder of a Lambda function's main, which
// connects the function to AWS.
func isWiring(path string) bool { return filepath.Base(filepath.Dir(path)) == "lambda" }

// TestMainsOnlyConnect: a function's main has no room for a decision. What needs one is
// beside it, with a test. Nothing but the border knows Lambda's runtime.
func TestMainsOnlyConnect(t *testing.T) {
	const most = 30 // lines of main
	mains := 0
	for _, path := range files(t, "functions", ".go") {
		if !isWiring(path) || strings.HasSuffix(path, "_test.go") {
			continue
		}
		set, file := parse(t, path)
		if filepath.Base(path) != "main.go" {
			if _, err := os.Stat(strings.TrimSuffix(path, ".go") + "_test.go"); err != nil {
				t.Errorf("%s decides something, and no %s_test.go holds it", path, strings.TrimSuffix(filepath.Base(path), ".go"))
			}
			continue
		}
		mains++
		for _, declared := range file.Decls {
			f, isFunc := declared.(*ast.FuncDecl)
			if d, ok := declared.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
				continue
			}
			if !isFunc || f.Name.Name != "main" {
				t.Errorf("%s: it declares more than main", set.Position(declared.Pos()))
				continue
			}
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > most {
				t.Errorf("%s: main has %d lines, at most %d are allowed", path, n, most)
			}
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
			if spec.Path.Value == `"github.com/aws/aws-lambda-go/lambda"` && !strings.HasPrefix(path, "internal/aws/border/") {
				t.Errorf("%s imports Lambda's runtime", path)
			}
		}
	}
}

var (
	markdownLink    = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)]*)?\)`)
	markdownHeading = regexp.MustCompile("(?m)^#+ +(.+)$")
	markdownFence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	notInAnchors    = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors are the names that GitHub gives the headings of a page.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range markdownHeading.FindAllStringSubmatch(markdownFence.ReplaceAllString(text, ""), -1) {
		heading := markdownLink.ReplaceAllString(strings.ToLower(m[1]), "")
		found["#"+strings.ReplaceAll(notInAnchors.ReplaceAllString(heading, ""), " ", "-")] = true
	}
	return found
}

// TestLinksInTheDocsLead somewhere: those within the repository, to a file that
// is there, and to a heading of it.
func TestLinksInTheDocsLead(t *testing.T) {
	links, headings := 0, 0
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
			to := path
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(path), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which there is not", path, m[1])
			} else if m[2] != "" {
				page, err := os.ReadFile(to)
				if headings++; err != nil || !anchors(string(page))[m[2]] {
					t.Errorf("%s links to %s%s, and that page has no such heading", path, m[1], m[2])
				}
			}
		}
	}
	if links == 0 || headings == 0 {
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

package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Every check that the source has, in whichever package, can be left out by its name.
func TestNamesAreThoseOfAllChecks(t *testing.T) {
	found := map[string]string{}
	for _, dir := range []string{".", "../local", "../../cmd/ecsrunner"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if name := checkNamed(n); name != "" {
					found[name] = path
				}
				return true
			})
		}
	}
	if len(found) < 30 {
		t.Fatalf("only %d checks were found: %v", len(found), found)
	}
	for name, path := range found {
		if !slices.Contains(Names(), name) {
			t.Errorf("Names has no %s, of a check in %s", name, path)
		}
	}
	for _, name := range Names() {
		if found[name] == "" {
			t.Errorf("%s is no check's", name)
		}
	}
}

// checkNamed is the name in a literal with Name and Run, or of what the command line's always
// and problem make; "" for anything else.
func checkNamed(n ast.Node) string {
	var name ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit:
		runs := false
		for _, element := range n.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch key, _ := pair.Key.(*ast.Ident); {
			case key != nil && key.Name == "Name":
				name = pair.Value
			case key != nil && key.Name == "Run":
				runs = true
			}
		}
		if !runs {
			return ""
		}
	case *ast.CallExpr:
		if called, ok := n.Fun.(*ast.Ident); !ok || called.Name != "always" && called.Name != "problem" {
			return ""
		}
		name = n.Args[0]
	}
	literal, ok := name.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, _ := strconv.Unquote(literal.Value)
	return text
}

func TestWhatRegisteringRunnersNeeds(t *testing.T) {
	for want, change := range map[string]func(*fleet.Policy){
		"Administration: read":      func(*fleet.Policy) {},
		"Self-hosted runners: read": func(p *fleet.Policy) { p.Organization = "octo-org" },
		"manage_runners:enterprise": func(p *fleet.Policy) { p.Enterprise = "octo-corp" },
	} {
		s := withEverything()
		change(&s.Policy)
		for _, check := range s.Checks() {
			if check.Name == "administration" && check.Needs != want {
				t.Errorf("administration needs %q, want %q", check.Needs, want)
			}
		}
	}
}

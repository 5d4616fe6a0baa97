package functions_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
)

var update = flag.Bool("update", false, "write "+page)

const page = "../../../docs/permissions.md"

// TestThePageHasEveryPermission writes docs/permissions.md from the roles, or compares it
// with them.
func TestThePageHasEveryPermission(t *testing.T) {
	want := render()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/permissions.md (-want +is; -update writes it):\n%s", diff)
	}
}

func render() string {
	var b strings.Builder
	b.WriteString(`# Every permission, and why

Written from what the deployment makes the roles of: each [function's own file](../cdk/runnerfleet/functions), and
[package grants](../cdk/runnerfleet/grants) for AWS's services. Change it there, and run
` + "`go test ./cdk/runnerfleet/functions -update`" + `. A name in braces is the one thing of this fleet. *AWS asks for it* marks what no
function calls by itself. [A test](../internal/flow/permissions_test.go) plays a fleet with every call checked against these
permissions, and fails for one that nobody uses.
`)
	for _, role := range functions.Roles() {
		fmt.Fprintf(&b, "\n## %s\n\n", role.Name)
		if len(role.May) == 0 {
			b.WriteString("Nothing at all.\n")
			continue
		}
		b.WriteString("| may | on | why |\n| --- | --- | --- |\n")
		for _, s := range role.May {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", may(s), on(s), why(s))
		}
	}
	return b.String()
}

func may(s grants.Statement) string {
	text := "`" + strings.Join(s.Actions, "` `") + "`"
	if s.Deny {
		return "never " + text
	}
	return text
}

func on(s grants.Statement) string {
	text := "`" + strings.Join(s.Resources, "` `") + "`"
	var conditions []string
	for operator, keys := range s.Conditions {
		for key, value := range keys {
			conditions = append(conditions, fmt.Sprintf("%s `%s` `%s`", operator, key, value))
		}
	}
	if slices.Sort(conditions); len(conditions) > 0 {
		text += " if " + strings.Join(conditions, " and ")
	}
	return text
}

func why(s grants.Statement) string {
	if s.Implied {
		return s.Why + "; *AWS asks for it*"
	}
	return s.Why
}

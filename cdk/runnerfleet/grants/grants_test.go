package grants_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
)

func TestResolve(t *testing.T) {
	statements := []grants.Statement{
		{Actions: []string{"a:B"}, Resources: []string{"{x}/index/i", "{several}"}, Conditions: map[string]map[string]string{"ArnEquals": {"k": "{x}"}}},
		{Actions: []string{"a:C"}, Resources: []string{grants.DockerHub}},
		{Actions: []string{"a:D"}, Resources: []string{"*"}},
	}
	got, err := grants.Resolve(statements, map[string][]string{"{x}": {"arn:x"}, "{several}": {"arn:1", "arn:2"}})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"arn:x/index/i", "arn:1", "arn:2"}, got[0].Resources); diff != "" || got[0].Conditions["ArnEquals"]["k"] != "arn:x" || got[1].Resources[0] != "*" {
		t.Errorf("got %v", got)
	}
	if statements[0].Conditions["ArnEquals"]["k"] != "{x}" {
		t.Error("the statement itself was changed")
	}
	if _, err := grants.Resolve(statements, nil); err == nil || !strings.Contains(err.Error(), "{x}") {
		t.Errorf("got %v", err)
	}
}

package repository_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// clientOf names the SDK's client of a service by the prefix of its permissions.
var clientOf = map[string]string{
	"codebuild": "codebuild", "dynamodb": "dynamodb", "ecr": "ecr", "ecs": "ecs", "events": "eventbridge", "logs": "cloudwatchlogs",
	"secretsmanager": "secretsmanager", "sqs": "sqs", "ssm": "ssm", "states": "sfn",
}

// withoutPermission are clients of services that are called without one.
var withoutPermission = map[string][]string{
	"claim":   {"sts"}, // sends STS what the task has signed
	"runtask": {"sts"}, // tells the task which STS to sign for
}

// TestFunctionsHaveTheClientsThatTheyMayUse compares what each main imports, and what that
// imports, with docs/permissions.md. A client more makes every cold start longer. A client
// less is one that the main forgot to hand in, which a function would notice when it needs
// it.
func TestFunctionsHaveTheClientsThatTheyMayUse(t *testing.T) {
	permitted := permittedClients(t)
	mains := 0
	for _, path := range files(t, "functions", "main.go") {
		if !isWiring(path) {
			continue
		}
		mains++
		dir := filepath.ToSlash(filepath.Dir(path))
		name := strings.Split(dir, "/")[1]
		want := slices.Sorted(slices.Values(append(permitted[name], withoutPermission[name]...)))
		if got := slices.Sorted(maps.Keys(linkedClients(t, dir))); !slices.Equal(got, want) {
			t.Errorf("%s links the clients %s, and may use %s", name, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
	if mains == 0 {
		t.Error("no function has a main: this test holds for nothing")
	}
}

// permittedClients reads the page of permissions. It leaves out what AWS asks for and no
// function calls.
func permittedClients(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	clients, role := map[string][]string{}, ""
	for line := range strings.Lines(string(page)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			role = strings.TrimSpace(heading)
		}
		if !strings.HasPrefix(line, "| `") || strings.Contains(line, "*AWS asks for it*") {
			continue
		}
		for _, action := range regexp.MustCompile("`([a-z-]+):[A-Z]").FindAllStringSubmatch(line, -1) {
			if client := clientOf[action[1]]; client != "" && !slices.Contains(clients[role], client) {
				clients[role] = append(clients[role], client)
			}
		}
	}
	return clients
}

// linkedClients follows a package's imports within the project to the SDK's clients.
func linkedClients(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	const sdk = "github.com/aws/aws-sdk-go-v2/service/"
	clients, seen := map[string]bool{}, map[string]bool{}
	for todo := []string{pkg}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		sources, err := filepath.Glob(filepath.Join(next, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range sources {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			_, file := parse(t, path)
			todo = append(todo, imports(file)...)
			for _, spec := range file.Imports {
				if client, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), sdk); ok {
					clients[strings.Split(client, "/")[0]] = true
				}
			}
		}
	}
	return clients
}

package docstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// TestWhatIsWrongIsNoticed: each kind of broken command, and one that is right beside it.
func TestWhatIsWrongIsNoticed(t *testing.T) {
	for what, c := range map[string]struct{ right, wrong, says string }{
		"a make target":                       {"`make test`", "`make tests`", "the Makefile has no target tests"},
		"a make variable":                     {"`make fuzz FUZZTIME=60s`", "`make fuzz FUZZTIMES=60s`", "the Makefile does not use FUZZTIMES"},
		"a script":                            {"`scripts/mutate`", "`scripts/mutat`", "there is no scripts/mutat"},
		"a script of CI":                      {"`.ci/run`", "`.ci/go`", "there is no .ci/go"},
		"a script's flag":                     {"`scripts/mutate -list`", "`scripts/mutate -lists`", "there is no flag -lists"},
		"a script's argument":                 {"`scripts/mutate -only n35`", "`scripts/mutate n35`", `takes no argument such as "n35"`},
		"arguments of a script without flags": {"`scripts/test-asl`", "`scripts/test-asl fast`", "does not know how to check what scripts/test-asl makes of fast"},
		"a mutant":                            {"`scripts/mutate -only 'claim-*'`", "`scripts/mutate -only 'clam-*'`", "there is no mutant clam-*"},

		"the package of go run":   {"`go run ./internal/simulation/cmd/simulate`", "`go run ./internal/simulation/cmd/simulation`", "there is no folder"},
		"a package to run":        {"`go run ./cdk/template`", "`go run ./internal/fleet`", "is package fleet, which go does not run"},
		"its flag":                {"`go run ./internal/simulation/cmd/simulate -faults`", "`go run ./internal/simulation/cmd/simulate -fault`", "there is no flag -fault"},
		"its flag's value":        {"`go run ./internal/simulation/cmd/simulate -seed 1`", "`go run ./internal/simulation/cmd/simulate -seed`", "-seed needs a value"},
		"the package of go build": {"`go build -o x ./cmd/ecsrunner`", "`go build -o x ./cmd/ecsruner`", "there is no folder cmd/ecsruner"},
		"the package of go test":  {"`go test ./internal/fleet`", "`go test ./internal/fleets`", "there is no folder internal/fleets"},
		"a folder without Go":     {"`go test ./internal/local/... -run TestCrash`", "`go test ./docs`", "docs has no Go files"},
		"the name of a test":      {"`go test ./internal/fleet -run TestLaunchWithoutRoom`", "`go test ./internal/fleet -run TestLaunchWithoutRooms`", "internal/fleet has no test TestLaunchWithoutRooms"},
		"a test behind a tag":     {"`go test -tags cdk ./cdk/runnerfleet -run TestGolden`", "`go test ./cdk/runnerfleet -run TestGolden`", "has no test TestGolden"},
		"a tag":                   {"`go test -tags cdk ./cdk/runnerfleet`", "`go test -tags cdc ./cdk/runnerfleet`", "no file in cdk/runnerfleet is for the tag cdc"},
		"a test's flag":           {"`go test ./cdk/runnerfleet/functions -update`", "`go test ./cdk/runnerfleet/functions -updat`", "there is no flag -updat"},
		"another command of go":   {"`go mod tidy`", "`go generate ./...`", "does not know how to check go generate"},
		"this module":             {"`go mod edit -replace github.com/ecs-runner-fleet/ecs-runner-fleet=..`", "`go mod edit -replace github.com/ecs-runner/fleet=..`", "is not this module"},
		"a version of it":         {"`go get github.com/ecs-runner-fleet/ecs-runner-fleet@v1.0.0`", "`go get github.com/ecs-runner-fleet/ecs-runner-fleet@1.0.0`", "is no version of this module"},
		"a flag alone":            {"`-simulate 0`", "`-simulat 0`", "there is no flag -simulat"},
		"a flag named":            {"`-scenario`", "`-scenarii`", "there is no flag -scenarii"},

		"npm":                        {"`npm ci`", "`npm install`", "does not know how to check `npm install`"},
		"npx":                        {"`npx cdk deploy`", "`npx cdkk deploy`", "does not know which package"},
		"a command of the CDK":       {"`npx cdk destroy`", "`npx cdk destruct`", "does not know how to check `cdk destruct`"},
		"a flag of the CDK":          {"`cdk deploy`", "`cdk deploy --al`", "there is no flag --al"},
		"an operation of AWS":        {"`aws iam get-role --role-name x`", "`aws iam gets-role --role-name x`", "does not know how to check `aws iam gets-role"},
		"a flag that AWS requires":   {"`aws sns subscribe --topic-arn x --protocol email`", "`aws sns subscribe --topic-arn x`", "--protocol is missing"},
		"a flag of AWS":              {"`aws iam get-role --role-name x`", "`aws iam get-role --name x --role-name x`", "there is no flag --name"},
		"arguments of aws":           {"`aws s3 cp a b`", "`aws s3 cp a`", "1 arguments, and 2 are right"},
		"an output as a placeholder": {"`aws sns subscribe --protocol email --topic-arn <AlarmTopic>`", "`aws sns subscribe --protocol email --topic-arn <AlarmsTopic>`", "no output AlarmsTopic"},
		"an output":                  {"The output `AlarmTopic`", "The output `AlarmsTopic`", "no output AlarmsTopic"},
		"an output by its end":       {"`StoreGitHubPatCommand`", "`StoreGitHubTokenCommand`", "no output StoreGitHubTokenCommand"},
		"an output in Terraform":     {"```hcl\noutputs[\"WebhookUrl\"]\n```", "```hcl\noutputs[\"WebhookURL\"]\n```", "no output WebhookURL"},
		"a parameter of the template": {
			"`aws cloudformation deploy --stack-name x --template-file y --parameter-overrides AssetBucket=a AssetPrefix=b`",
			"`aws cloudformation deploy --stack-name x --template-file y --parameter-overrides AssetBucket=a Prefix=b`", "no parameter Prefix",
		},

		"a variable before a command": {"`ECSRUNNER_CONFIG=x make template`", "`ECSRUNNER_CONFG=x make template`", "nothing reads the environment variable ECSRUNNER_CONFG"},
		"a variable that is exported": {"```sh\nexport GITHUB_PAT=x\n```", "```sh\nexport GITHUB_PATT=x\n```", "nothing reads the environment variable GITHUB_PATT"},
		"a variable that is used":     {"`cd $GITHUB_PAT`", "`cd \"$GITHUB_PATT\"`", "nothing reads the environment variable GITHUB_PATT"},
		"a path of the clone":         {"`cp -r ecs-runner-fleet/examples x`", "`cp -r ecs-runner-fleet/exampels x`", "the repository has no ecs-runner-fleet/exampels"},

		"a program without a rule":    {"`-`", "`git bisect run make test`", "does not know how to check git"},
		"one in a block":              {"```sh\nnpm ci\n```", "```sh\nyarn\n```", "does not know how to check yarn"},
		"one behind a pipe":           {"`make help | jq .`", "`make help | yq .`", "does not know how to check yq"},
		"a script of npm's":           {"`npx cdk deploy`", "`node_modules/.bin/eslint --fix`", "does not know how to check node_modules/.bin/eslint"},
		"prose that is no phrase":     {"`put off`", "`put on`", "does not know how to check put"},
		"a language without a rule":   {"```yaml\nmake: x\n```", "```fish\nmake tests\n```", `does not know whether a block of "fish" has commands`},
		"a command in a plain block":  {"```\nWebhook ─▶ make\n```", "```\n$ make tests\n```", "give its block the language sh"},
		"a command in a comment":      {"```sh\nnpm ci # the CDK's\n```", "```sh\nnpm ci # then make tests\n```", "a comment has a command"},
		"a quote that is not closed":  {"```sh\nmake 'test'\n```", "```sh\nmake 'test\n```", "a quote is not closed"},
		"the second line of a block":  {"```sh\nmake test\nmake help\n```", "```sh\nmake test\nmake halp\n```", "page.md:3: `make halp`"},
		"the second of a chain":       {"`make test && make help`", "`make test && make halp`", "no target halp"},
		"a line that goes on":         {"```sh\nmake test \\\n  help\n```", "```sh\nmake test \\\n  halp\n```", "no target halp"},
		"a span over two lines":       {"see `make\ntest`", "see `make\ntests`", "no target tests"},
		"a span behind an odd one":    {"a ` alone\n\n`make test`", "a ` alone\n\n`make tests`", "no target tests"},
		"a span of double ticks":      {"``make test``", "``make tests``", "no target tests"},
		"an indented block in a list": {"1. x\n\n   ```sh\n   make test\n   ```", "1. x\n\n   ```sh\n   make tests\n   ```", "page.md:4: `make tests`"},
	} {
		if problems := CheckPage(root, "page.md", c.right, Rules{}); len(problems) > 0 {
			t.Errorf("%s: %q is right, not %q", what, c.right, problems)
		}
		problems := CheckPage(root, "page.md", c.wrong, Rules{})
		if !slices.ContainsFunc(problems, func(problem string) bool { return strings.Contains(problem, c.says) }) {
			t.Errorf("%s: %q is not noticed: %q, want %q", what, c.wrong, problems, c.says)
		}
	}
}

// TestAScriptMustBeExecutable needs a repository that is wrong.
func TestAScriptMustBeExecutable(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("scripts/right", "#!/bin/sh\n", 0o755)
	write("scripts/wrong", "#!/bin/sh\n", 0o644)
	write("README.md", "`scripts/right`, and\n`scripts/wrong`", 0o644)
	problems, counts, err := Check(dir, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	problems = slices.DeleteFunc(problems, func(problem string) bool { return strings.HasPrefix(problem, "phrases") })
	if want := []string{"README.md:2: `scripts/wrong`: scripts/wrong is not executable"}; !slices.Equal(problems, want) || counts["commands"] != 2 {
		t.Errorf("%q, %v", problems, counts)
	}
	write("package.json", "{}", 0o644)
	for page, says := range map[string]string{"`npm ci`": "there is no package-lock.json", "`npx cdk deploy`": "does not pin aws-cdk"} {
		if problems := CheckPage(dir, "README.md", page, Rules{}); len(problems) != 1 || !strings.Contains(problems[0], says) {
			t.Errorf("%s: %q, want %q", page, problems, says)
		}
	}
}

// TestPhrasesAreSaid: a phrase that no page says any more could hide a command.
func TestPhrasesAreSaid(t *testing.T) {
	problems, _, err := Check(t.TempDir(), Rules{})
	if err != nil || len(problems) != len(phrases) {
		t.Errorf("%q, %v: want each of the %d phrases", problems, err, len(phrases))
	}
}

func TestShell(t *testing.T) {
	for text, want := range map[string][]Command{
		"a b  c":                     {{Line: 1, Text: "a b c", Words: []string{"a", "b", "c"}}},
		"a 'b c' \"d $E\" # f":       {{Line: 1, Text: `a 'b c' "d $E"`, Words: []string{"a", "b c", "d $E"}, Env: []string{"E"}}},
		"A=1 b=2":                    {{Line: 1, Text: "A=1 b=2", Words: []string{"b=2"}, Env: []string{"A"}}},
		"a\nb; c && d | e":           {{Line: 1, Text: "a", Words: []string{"a"}}, {Line: 2, Text: "b", Words: []string{"b"}}, {Line: 2, Text: "c", Words: []string{"c"}}, {Line: 2, Text: "d", Words: []string{"d"}}, {Line: 2, Text: "e", Words: []string{"e"}}},
		"a \\\n b\n\nc":              {{Line: 1, Text: "a b", Words: []string{"a", "b"}}, {Line: 4, Text: "c", Words: []string{"c"}}},
		"a > b < c <d e>":            {{Line: 1, Text: "a > b < c <d e>", Words: []string{"a", "<d e>"}, Out: "c"}},
		"a x#y [--b] 'it'\\''s'":     {{Line: 1, Text: `a x#y [--b] 'it'\''s'`, Words: []string{"a", "x#y", "--b", "it's"}}},
		"export A=1 B=$C":            {{Line: 1, Text: "export A=1 B=$C", Env: []string{"A", "C", "B"}}},
		"# only a comment\n  \n\t#b": nil,
	} {
		got, err := shell(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is\n%+v, %v, want\n%+v", text, got, err, want)
		}
	}
}

// TestMakeTargetsInTheDocsAreRun: each that a page names is called by CI, by a workflow, by
// a script that one of these calls, or below.
func TestMakeTargetsInTheDocsAreRun(t *testing.T) {
	var callers strings.Builder
	for _, pattern := range []string{".ci/run", ".github/workflows/*.yml", "scripts/*"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if _, targets, ok := strings.Cut(line, "target: ["); ok {
					line = "make " + strings.Join(regexp.MustCompile(`[a-z][a-z-]+`).FindAllString(targets, -1), "\nmake ")
				}
				if called := regexp.MustCompile(`^ *(- run: )?make .*`).FindString(strings.ReplaceAll(line, "--no-print-directory ", "")); called != "" {
					callers.WriteString(line + "\n")
				}
			}
		}
	}
	pages, err := markdown(root)
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]string{}
	for _, path := range pages {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range read(path, string(text)).commands {
			if c.Program() == "make" && len(c.Words) > 1 && c.Words[1] != "help" {
				targets[c.Words[1]] = path
			}
		}
	}
	for target, path := range targets {
		if !regexp.MustCompile(`\bmake (--\S+ )*` + target + `\s`).MatchString(callers.String()) {
			t.Errorf("%s names make %s, which neither CI nor a workflow runs", path, target)
		}
	}
	if len(targets) < 10 {
		t.Errorf("%d targets: this test would hold for little", len(targets))
	}
}

// TestMakeHelp runs the command that the README ends with: it lists the targets that the
// other pages name.
func TestMakeHelp(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	out, err := exec.Command("make", "--no-print-directory", "-C", root, "help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	phony := regexp.MustCompile(`(?m)^\.PHONY: (\S+)$`).FindAllStringSubmatch(string(makefile), -1)
	for _, target := range phony {
		if !regexp.MustCompile(`(?m)^  ` + target[1] + ` +\S`).Match(out) {
			t.Errorf("make help does not list %s", target[1])
		}
	}
	if len(phony) < 10 {
		t.Errorf("%d targets: this test would hold for little", len(phony))
	}
}

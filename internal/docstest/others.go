package docstest

import (
	"fmt"
	"slices"
	"strings"
)

// phrases are what stands in backticks and looks like a command but is none: messages,
// statuses, fields, parts of names.
var phrases = set(
	"-", "-arm64", "-on-demand",
	"a build of forty minutes", "a run says TEXT", "every job runs",
	"already exists", "is not authorized to perform", "explicit deny in a service control policy",
	"phase DOWNLOAD_SOURCE ended as FAILED", "container aws-guardduty-agent-…: CannotPullContainerError",
	"last sweep", "last write", "not tried", "put off", "stop task %s: %w",
)

// usage is what may follow a command of a program that is not this project's.
type usage struct {
	must, may options // flags
	args      int     // how many arguments that are no flags
}

// othersCommands are the commands of others' programs that the docs may show, with the
// flags that each needs and those that the docs may use. make test-aws hands those of aws
// to AWS's own command line as well.
var othersCommands = map[string]usage{
	"aws cloudformation deploy": {
		must: options{"--stack-name": true, "--template-file": true},
		may:  options{"--capabilities": true, "--s3-bucket": true, "--s3-prefix": true, "--parameter-overrides": true},
		args: 1, // the second of the parameters
	},
	"aws cloudformation describe-stacks":  {may: options{"--stack-name": true, "--query": true}},
	"aws dynamodb delete-item":            {must: options{"--table-name": true, "--key": true}},
	"aws iam create-service-linked-role":  {must: options{"--aws-service-name": true}},
	"aws iam get-role":                    {must: options{"--role-name": true}},
	"aws s3 cp":                           {may: options{"--recursive": false, "--exclude": true, "--include": true}, args: 2},
	"aws secretsmanager create-secret":    {must: options{"--name": true, "--secret-string": true}},
	"aws secretsmanager delete-secret":    {must: options{"--secret-id": true}},
	"aws secretsmanager put-secret-value": {must: options{"--secret-id": true, "--secret-string": true}},
	"aws ssm get-parameter":               {must: options{"--name": true}, may: options{"--query": true, "--output": true}},
	"aws ssm put-parameter":               {must: options{"--name": true, "--value": true}, may: options{"--overwrite": false}},
	"aws sns subscribe":                   {must: options{"--topic-arn": true, "--protocol": true}, may: options{"--notification-endpoint": true}},
	"cdk bootstrap":                       {},
	"cdk deploy":                          {},
	"cdk destroy":                         {},
	"cd":                                  {args: 1},
	"docker build":                        {},
	"docker image ls":                     {},
	"docker network ls":                   {},
	"docker system prune":                 {},
	"gh auth login":                       {},
	"gh webhook forward":                  {must: options{"--repo": true, "--events": true, "--url": true}, may: options{"--secret": true}},
	"jq":                                  {may: options{"-r": false}, args: 1},
	"kill":                                {may: options{"-9": false}},
	"sha256sum":                           {must: options{"-c": false}, args: 1},
	"terraform destroy":                   {},
}

// othersFlags stand alone in the text, with the program that has them.
var othersFlags = map[string]string{"--bootstrap-customer-key": "cdk bootstrap"}

func isOthersFlag(name string) bool { return othersFlags[name] != "" }

func isOthers(program string) bool {
	for command := range othersCommands {
		if strings.Fields(command)[0] == program {
			return true
		}
	}
	return false
}

// others checks a command by the table above.
func (r repository) others(c Command) error {
	words := append([]string{c.Program()}, c.Words[1:]...)
	for n := len(words); n > 0; n-- {
		use, ok := othersCommands[strings.Join(words[:n], " ")]
		if !ok {
			continue
		}
		if c.IsName(words[n:]) {
			return nil
		}
		return r.follows(use, words[n:])
	}
	return fmt.Errorf("this test does not know how to check `%s`: add what it needs to othersCommands", strings.Join(words, " "))
}

func (r repository) follows(use usage, args []string) error {
	all := options{}
	for _, flags := range []options{use.must, use.may} {
		for name, takes := range flags {
			all[name] = takes
		}
	}
	given, err := takeFlags(args, all)
	if err != nil {
		return err
	}
	for name := range use.must {
		if _, ok := given.values[name]; !ok {
			return fmt.Errorf("%s is missing", name)
		}
	}
	if len(given.rest) != use.args {
		return fmt.Errorf("%d arguments, and %d are right: %q", len(given.rest), use.args, given.rest)
	}
	if first, ok := given.values["--parameter-overrides"]; ok {
		for _, parameter := range append(slices.Clone(given.rest), first) {
			name, _, _ := strings.Cut(parameter, "=")
			if !strings.Contains(r.read("cdk/runnerfleet/selfcontained.go"), `"`+name+`"`) {
				return fmt.Errorf("the template has no parameter %s", name)
			}
		}
	}
	return nil
}

func set(texts ...string) map[string]bool {
	found := map[string]bool{}
	for _, text := range texts {
		found[text] = true
	}
	return found
}

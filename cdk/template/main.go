// Command template writes one fleet, fleet.yaml, as a CloudFormation template with the
// zips that it names, for those who deploy without the CDK: docs/without-the-cdk.md.
//
// The template's path is all that it prints to standard output.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

func main() {
	var options runnerfleet.TemplateOptions
	flag.StringVar(&options.Folder, "o", "build/template", "folder to write to; what is in it stays")
	flag.BoolVar(&options.AskForRepositories, "ask-for-repositories", false, "make the repositories a parameter of the template, in place of github_repo")
	flag.Parse()
	file, err := run(os.Getenv, options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(file)
}

func run(getenv func(string) string, options runnerfleet.TemplateOptions) (template string, err error) {
	config, file, err := runnerfleet.FromEnvironment(getenv)
	if err != nil {
		return "", err
	}
	props := runnerfleet.Props{Config: config, Dir: filepath.Dir(file)}
	if err := props.Check(); err != nil {
		return "", err
	}
	defer jsii.Close()
	return runnerfleet.WriteTemplate(props, options)
}

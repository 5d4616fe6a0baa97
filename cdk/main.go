// Command cdk is the CDK app that deploys one fleet: fleet.yaml, as one stack.
//
// The CDK's command line runs it, and it runs without: CDK_OUTDIR=dir go run ./cdk
// writes the cloud assembly to dir. It reports what is wrong with the
// configuration before anything of the CDK starts.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(getenv func(string) string) error {
	config, file, err := runnerfleet.FromEnvironment(getenv)
	if err != nil {
		return err
	}
	props := runnerfleet.Props{Config: config, Dir: filepath.Dir(file)}
	if err := props.Check(); err != nil {
		return err
	}
	defer jsii.Close()
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	runnerfleet.NewStack(app, props)
	app.Synth(nil)
	return nil
}

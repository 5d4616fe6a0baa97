package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// The environment variables that commands look at.
const (
	configVar  = "ECSRUNNER_CONFIG"
	patVar     = "GITHUB_PAT"
	secretVar  = "WEBHOOK_SECRET"
	noColorVar = "NO_COLOR"
	tempDirVar = "TMPDIR"

	forceColorVar = "CLICOLOR_FORCE"

	dockerHostVar = "DOCKER_HOST"

	otlpVar        = "OTEL_EXPORTER_OTLP_ENDPOINT"
	otlpMetricsVar = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
)

var meaning = map[string]string{
	configVar:     "configuration file, unless the command line names one",
	dataDirVar:    "data directory, where --data-dir is not given",
	patVar:        "GitHub personal access token, unless github_pat says otherwise",
	secretVar:     "the webhook's secret, unless the configuration or --secret says otherwise",
	noColorVar:    "if set, nothing is coloured",
	forceColorVar: "if set and not 0, output is coloured though it is no terminal",
	tempDirVar:    "where temporary data directories are made",
	dockerHostVar: "socket of the container engine, as unix:///run/podman/podman.sock",

	otlpVar:        "OpenTelemetry receiver, as http://127.0.0.1:4318, to which metrics are exported",
	otlpMetricsVar: "the same, for metrics alone, with the whole path",

	profileVar: "profile of the AWS configuration",
	regionVar:  "AWS region, where neither --region nor the profile says it",

	deployment.EnvTable:        "table of a fleet on AWS, where --stack is not given",
	deployment.EnvClassSizes:   "parameter with that fleet's class sizes",
	deployment.EnvStateMachine: "ARN of its state machine, for executions",
	deployment.EnvRunnerLogs:   "log group of its runners, for their logs",
}

// exitStatuses are an API: scripts go by them.
const exitStatuses = "0 success, 1 failure, 2 usage or configuration"

// addFooter ends every help text with the environment and the exit statuses. It is no
// template: if the program can reach one, the linker keeps every method of every type,
// and those of AWS's clients double the program's size.
func addFooter(root *cobra.Command) {
	usage := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		err := usage(cmd)
		w := cmd.OutOrStderr()
		if names := cmd.Annotations["environment"]; names != "" {
			fmt.Fprint(w, "\nEnvironment:\n"+names)
		}
		fmt.Fprint(w, "\nExit status: "+exitStatuses+"\n")
		return err
	})
}

// environment is the annotation from which a command's help lists the variables
// that it looks at.
func environment(names ...string) map[string]string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("  " + name + strings.Repeat(" ", max(2, 20-len(name))) + meaning[name] + "\n")
	}
	return map[string]string{"environment": b.String()}
}

// noArgs refuses arguments and names the first, which cobra.NoArgs takes for a command.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usagef("%s takes no argument such as %q; see `%s --help`", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("unknown command %q: did you mean `%s %s`?", args[0], cmd.CommandPath(), near[0])
	}
	return usagef("unknown command %q; see `%s --help`", args[0], cmd.CommandPath())
}

// oneArg wants exactly one argument and says which.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usagef("%s takes one %s; see `%s --help`", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// flagError says what is wrong with a flag, without the words of its value's parser.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		wanted := map[string]string{"int": "a whole number", "uint": "a whole number", "uint64": "a whole number from 0 on, below 2^64 and in decimal digits", "duration": "a time with its unit, such as 90s or 5m", "bool": "true or false"}
		if want := wanted[value.GetFlag().Value.Type()]; want != "" {
			return usagef("--%s %s: use %s", value.GetFlag().Name, value.GetValue(), want)
		}
	}
	return usagef("%w; see `%s --help`", err, cmd.CommandPath())
}

// newHelp is cobra's help command, except that it fails for a command that does not
// exist.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return usageError{err}
			}
			if len(rest) > 0 {
				return noArgs(about, rest)
			}
			return about.Help()
		},
	}
}

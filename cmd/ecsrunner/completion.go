package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A shell asks for completions while a person waits: without an answer in time there are
// none, and what went wrong is not said, since it would stand in the middle of their line.
const (
	completeWithin = 2 * time.Second
	mostCompleted  = 100 // the newest
	mostPages      = 5   // of stacks
)

// words are completions of one kind. A description follows behind a tab.
type words func(ctx context.Context, cmd *cobra.Command) []string

// flagWords are the flags whose values are known, by their names, and argWords the
// arguments, by what stands for them in a command's usage.
var (
	flagWords = map[string]words{
		"stack": stackNames, "class": classNames, "repository": repositories, "repo": repositories, "runner-id": runnerIDs,
		"status": fixed(runStatuses()...), "engine": fixed(engineProcess, engineDocker), "arch": fixed(string(fleet.X64), string(fleet.ARM64)),
	}
	argWords = map[string]words{"<runner_id": runnerIDs, "<run_id": runIDs, "<tag>": imageTags, "<image>": imageNames, "[<cluster>]": fleetNames, "<class>": classNames, "<job URL": runIDs}
)

func runStatuses() (all []string) {
	for _, s := range []fleet.RunStatus{
		fleet.RunQueued, fleet.RunRetrying, fleet.RunWaiting, fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob, fleet.RunRunning,
		fleet.RunCompleted, fleet.RunCancelled, fleet.RunFailed, fleet.RunGone, fleet.RunRefused,
	} {
		all = append(all, string(s))
	}
	return all
}

// addCompletion shows the completion command, and completes what commands take.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Short, cmd.Args = "Print the script that completes commands in your shell", noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			cmd.Example = `  ecsrunner completion bash > /etc/bash_completion.d/ecsrunner
  ecsrunner completion zsh > /usr/local/share/zsh/site-functions/_ecsrunner`
		}
	}
	completeBelow(root)
}

func completeBelow(cmd *cobra.Command) {
	for flag, of := range flagWords {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, of.complete) // one that the command has itself stays
		}
	}
	for arg, of := range argWords {
		if cmd.ValidArgsFunction == nil && strings.Contains(cmd.Use, " "+arg) {
			cmd.ValidArgsFunction = of.first
		}
	}
	for _, below := range cmd.Commands() {
		completeBelow(below)
	}
}

// first completes the first argument alone.
func (w words) first(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return w.complete(cmd, args, typed)
}

// complete ends in time, also when the fleet does not answer.
func (w words) complete(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	found := make(chan []string, 1)
	go func() { found <- w(ctx, cmd) }()
	select {
	case <-ctx.Done():
		return nil, cobra.ShellCompDirectiveNoFileComp
	case all := <-found:
		return beginning(all, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// beginning are the words that begin with what is typed, in upper or lower case, or with what
// is behind its last comma.
func beginning(all []string, typed string) (found []string) {
	before, last := "", typed
	if i := strings.LastIndexByte(typed, ','); i >= 0 {
		before, last = typed[:i+1], typed[i+1:]
	}
	for _, word := range all {
		if len(word) >= len(last) && strings.EqualFold(word[:len(last)], last) {
			found = append(found, before+word)
		}
	}
	return found
}

func fixed(all ...string) words {
	return func(context.Context, *cobra.Command) []string { return slices.Clone(all) }
}

// ofFleet reads words from the fleet that the command line names so far, nothing if that
// cannot be.
func ofFleet(read func(ctx context.Context, f *opened) ([]string, error)) words {
	return func(ctx context.Context, cmd *cobra.Command) (found []string) {
		var src source
		for flag, into := range map[string]*string{"data-dir": &src.named, "stack": &src.stack, "region": &src.region} {
			if f := cmd.Flags().Lookup(flag); f != nil {
				*into = f.Value.String()
			}
		}
		err := src.read(ctx, func(f *opened) (err error) {
			found, err = read(ctx, f)
			return err
		})
		if err != nil {
			return nil
		}
		return found
	}
}

var (
	runIDs = ofFleet(func(ctx context.Context, f *opened) (ids []string, err error) {
		runs, err := f.records.Runs(ctx, mostCompleted)
		for _, r := range runs {
			ids = append(ids, r.RunID+"\t"+string(r.Shown()))
		}
		return ids, err
	})
	runnerIDs = ofFleet(func(ctx context.Context, f *opened) (ids []string, err error) {
		runners, err := f.records.Runners(ctx, mostCompleted)
		for _, r := range runners {
			ids = append(ids, r.RunnerID+"\t"+string(r.Status))
		}
		return ids, err
	})
	classNames = ofFleet(func(ctx context.Context, f *opened) ([]string, error) {
		settings, err := f.records.Settings(ctx)
		return slices.Sorted(maps.Keys(settings.ClassSizes)), err
	})
	repositories = ofFleet(func(ctx context.Context, f *opened) ([]string, error) {
		settings, err := f.records.Settings(ctx)
		return settings.Repositories[:min(len(settings.Repositories), mostCompleted)], err
	})
	fleetNames = ofFleet(func(ctx context.Context, f *opened) ([]string, error) {
		settings, err := f.records.Settings(ctx)
		return []string{settings.FleetName}, err
	})
	imageTags = ofFleet(func(ctx context.Context, f *opened) (tags []string, err error) {
		images, err := f.records.Images(ctx)
		for _, i := range images[:min(len(images), mostCompleted)] {
			tags = append(tags, i.Tag)
		}
		return tags, err
	})
	imageNames = ofFleet(func(ctx context.Context, f *opened) ([]string, error) {
		settings, err := f.records.Settings(ctx)
		if err != nil || settings.Policy == nil {
			return nil, err
		}
		return append([]string{string(fleet.BaseImage)}, slices.Sorted(maps.Keys(settings.Policy.ExtraImages))...), nil
	})
)

// stackNames are the stacks of the region that are fleets.
func stackNames(ctx context.Context, cmd *cobra.Command) (names []string) {
	region := ""
	if f := cmd.Flags().Lookup("region"); f != nil {
		region = f.Value.String()
	}
	config, err := loadAWS(ctx, region)
	if err != nil {
		return nil
	}
	pages := cloudformation.NewDescribeStacksPaginator(cloudformation.NewFromConfig(config), &cloudformation.DescribeStacksInput{})
	for range mostPages {
		if !pages.HasMorePages() {
			break
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return names
		}
		for _, stack := range page.Stacks {
			for _, output := range stack.Outputs {
				if aws.ToString(output.OutputKey) == deployment.OutputFleetName {
					names = append(names, aws.ToString(stack.StackName))
				}
			}
		}
	}
	return names
}

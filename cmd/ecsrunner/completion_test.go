package main

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"
)

// A shell gets its answer in time, also when the fleet does not answer.
func TestACompletionEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{})
		defer close(left)
		never := words(func(context.Context, *cobra.Command) []string { <-left; return []string{"late"} })
		if got, directive := never.complete(&cobra.Command{}, nil, ""); got != nil || directive != cobra.ShellCompDirectiveNoFileComp {
			t.Errorf("%v, %v", got, directive)
		}
	})
}

func TestACompletionBeginsWithWhatIsTyped(t *testing.T) {
	of := fixed("job-1\tRUNNING", "job-2", "demo")
	if got, _ := of.complete(&cobra.Command{}, nil, "job-"); !slices.Equal(got, []string{"job-1\tRUNNING", "job-2"}) {
		t.Errorf("%q", got)
	}
	statuses := fixed("FAILED", "REFUSED", "RUNNING")
	if got, _ := statuses.complete(&cobra.Command{}, nil, "failed,r"); !slices.Equal(got, []string{"failed,REFUSED", "failed,RUNNING"}) {
		t.Errorf("behind a comma: %q", got)
	}
	if got, _ := of.first(&cobra.Command{}, []string{"job-1"}, ""); got != nil {
		t.Errorf("a second argument: %q", got)
	}
}

// A flag that takes several values is completed behind its commas, in each command that has it.
func TestStatusesAreCompletedBehindACommaToo(t *testing.T) {
	for list, want := range map[string]string{"runs": "failed,RUNNING", "runners": "failed,running"} {
		cmd, _, err := newRoot().Find([]string{list, "list"})
		if err != nil {
			t.Fatal(err)
		}
		complete, _ := cmd.GetFlagCompletionFunc("status")
		if got, _ := complete(cmd, nil, "failed,run"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s list --status failed,run: %q, want %q", list, got, want)
		}
	}
}

// What stands in a command's usage for a run or a runner is completed.
func TestCommandsCompleteTheirArguments(t *testing.T) {
	for _, path := range [][]string{{"runs", "show"}, {"runs", "retry"}, {"runners", "show"}, {"runners", "terminate"}, {"runners", "logs"}, {"images", "delete"}, {"images", "build"}, {"cluster", "status"}, {"classes", "show"}} {
		cmd, _, err := newRoot().Find(path)
		if err != nil || cmd.ValidArgsFunction == nil {
			t.Errorf("%v is not completed: %v", path, err)
		}
	}
	for _, path := range [][]string{{"runs", "list", "stack"}, {"local", "engine"}, {"demo", "engine"}, {"images", "build", "arch"}} {
		cmd, _, err := newRoot().Find(path[:len(path)-1])
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := cmd.GetFlagCompletionFunc(path[len(path)-1]); !ok {
			t.Errorf("%v is not completed", path)
		}
	}
}

package ecsfleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const plain = "plain" // an error without a name

func nameOf(err error) string {
	if name := fleet.ErrorName(err); name != "" || err == nil {
		return name
	}
	return plain
}

func TestStop(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"it stops":                    {nil, ""},
		"it is not known":             {invalid("The referenced task was not found."), ""},
		"a throttle":                  {code(400, "ThrottlingException", "Rate exceeded"), fleet.AWSUnavailable},
		"a cluster that there is not": {answered(400, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}), plain},
		"a permission that lacks":     {answered(400, &types.AccessDeniedException{}), plain},
		"a lost answer":               {errNoConnection, fleet.AWSUnavailable},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			c := &cluster{stopErr: test.err}
			if err := newPlatform(c).Stop(t.Context(), taskARN, strings.Repeat("’", 400)); nameOf(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if in := c.stops[0]; *in.Task != taskARN || *in.Cluster != "ci" || *in.Reason != strings.Repeat("’", 255) {
				t.Errorf("asked to stop %s in %s: %s", *in.Task, *in.Cluster, *in.Reason)
			}
		})
	}
	t.Run("no task at all", func(t *testing.T) {
		c := &cluster{}
		if err := newPlatform(c).Stop(t.Context(), "", "why"); err != nil || len(c.stops) != 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestDescribe(t *testing.T) {
	tests := map[string]struct {
		cluster cluster
		known   bool
		want    string
	}{
		"it is known":               {cluster{}, true, ""},
		"it is not":                 {cluster{unknown: map[string]string{taskARN: "MISSING"}}, false, ""},
		"ECS does not say":          {cluster{unknown: map[string]string{taskARN: "MISSING"}, silent: true}, false, fleet.AWSUnavailable},
		"a failure of another kind": {cluster{unknown: map[string]string{taskARN: "ACCESS"}}, false, plain},
		"a throttle":                {cluster{describeErr: code(400, "ThrottlingException", "Rate exceeded")}, false, fleet.AWSUnavailable},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			task, known, err := newPlatform(&test.cluster).Describe(t.Context(), taskARN)
			if known != test.known || nameOf(err) != test.want || known && task.ARN != taskARN {
				t.Errorf("got %+v, %v, %v", task, known, err)
			}
		})
	}
}

func TestATaskIsRead(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	got := taskOf(types.Task{
		TaskArn: aws.String(taskARN), ClusterArn: aws.String("c"), StartedBy: aws.String("ci-7-1"), LastStatus: aws.String("STOPPED"),
		DesiredStatus: aws.String("STOPPED"), StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: aws.String("why"),
		CreatedAt: &at, PullStartedAt: &at, PullStoppedAt: &at, StartedAt: &at, StoppedAt: &at, Version: 4,
		Containers: []types.Container{{Name: aws.String("runner"), ExitCode: aws.Int32(7), Reason: aws.String("r")}, {Name: aws.String("other")}},
	})
	seven := 7
	want := fleet.Task{
		ARN: taskARN, ClusterARN: "c", StartedBy: "ci-7-1", LastStatus: fleet.TaskStopped, DesiredStatus: fleet.TaskStopped,
		StopCode: fleet.StopEssentialContainerExited, StoppedReason: "why", CreatedAt: &at, PullStartedAt: &at, PullStoppedAt: &at, StartedAt: &at, StoppedAt: &at, Version: 4,
		Containers: []fleet.Container{{Name: "runner", ExitCode: &seven, Reason: "r"}, {Name: "other"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(fleet.Task{}, taskOf(types.Task{})); diff != "" {
		t.Errorf("a task of which nothing is known: %s", diff)
	}
}

// arns are n tasks with a prefix, each of runner <prefix>-<i>-1.
func (c *cluster) arns(prefix string, n int) []string {
	if c.startedBy == nil {
		c.startedBy = map[string]string{}
	}
	var arns []string
	for i := range n {
		arn := fmt.Sprintf("arn:aws:ecs:r:1:task/ci/%s%d", prefix, i+1)
		c.startedBy[arn] = fmt.Sprintf("%s-%d-1", prefix, i+1)
		arns = append(arns, arn)
	}
	return arns
}

func TestTasks(t *testing.T) {
	throttled := code(400, "ThrottlingException", "Rate exceeded")
	tests := map[string]struct {
		prepare func(*cluster)
		want    int
		err     string
	}{
		"none":                        {func(*cluster) {}, 0, ""},
		"running and stopped ones":    {func(c *cluster) { all := c.arns("ci", 5); c.running, c.stopped = all[:2], all[2:] }, 5, ""},
		"many":                        {func(c *cluster) { all := c.arns("ci", 555); c.running, c.stopped = all[:250], all[250:] }, 555, ""},
		"another fleet's are no ours": {func(c *cluster) { c.running = append(c.arns("ci", 3), c.arns("ci-2", 150)...) }, 3, ""},
		"nor is anybody's":            {func(c *cluster) { c.running = c.arns("ci", 3); c.startedBy[c.running[0]] = "ecs-svc/1" }, 2, ""},
		"one that stops meanwhile": {func(c *cluster) {
			all := c.arns("ci", 3)
			c.running, c.stopped = all, all[2:]
		}, 3, ""},
		"one that stops between the lists": {func(c *cluster) {
			all := c.arns("ci", 3)
			c.running = all
			c.onList = func() {
				if c.lists == 2 {
					c.running, c.stopped = all[:1], all[1:]
				}
			}
		}, 3, ""},
		"a stopped one that is forgotten": {func(c *cluster) {
			c.stopped = c.arns("ci", 3)
			c.unknown = map[string]string{c.stopped[1]: "MISSING"}
		}, 3, ""},
		"a running one that is not known": {func(c *cluster) {
			c.running = c.arns("ci", 3)
			c.unknown = map[string]string{c.running[1]: "MISSING"}
		}, 3, ""},
		"one that ECS is silent about": {func(c *cluster) {
			c.stopped = c.arns("ci", 3)
			c.unknown, c.silent = map[string]string{c.stopped[1]: "MISSING"}, true
		}, 0, fleet.AWSUnavailable},
		"the second page is throttled":   {func(c *cluster) { c.running, c.listErr, c.failAt = c.arns("ci", 150), throttled, 2 }, 0, fleet.AWSUnavailable},
		"the stopped ones are throttled": {func(c *cluster) { c.running, c.listErr, c.failAt = c.arns("ci", 1), throttled, 2 }, 0, fleet.AWSUnavailable},
		"the second look is throttled":   {func(c *cluster) { c.running, c.describeErr, c.failAt = c.arns("ci", 150), throttled, 2 }, 0, fleet.AWSUnavailable},
		"no permission to list":          {func(c *cluster) { c.listErr = answered(400, &types.AccessDeniedException{}) }, 0, plain},
		"what nobody has thought about":  {func(c *cluster) { c.listErr = errors.New("what is this") }, 0, plain},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			c := &cluster{}
			test.prepare(c)
			tasks, err := newPlatform(c).Tasks(t.Context())
			if len(tasks) != test.want || nameOf(err) != test.err {
				t.Errorf("got %d tasks, %v; want %d, %q", len(tasks), err, test.want, test.err)
			}
			arns := map[string]bool{}
			for _, task := range tasks {
				arns[task.ARN] = true
			}
			if len(arns) != len(tasks) {
				t.Errorf("%d of %d tasks are there twice", len(tasks)-len(arns), len(tasks))
			}
			if slices.ContainsFunc(c.described, func(arns []string) bool { return len(arns) > 100 }) {
				t.Error("asked for more than 100 at once")
			}
		})
	}
}

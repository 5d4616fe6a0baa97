package simaws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html and
// …/API_ListTasks.html; eventual consistency: …/API_RunTask.html.
func TestReadingTasks(t *testing.T) {
	facts{
		"a task that was just started is not known everywhere for some seconds": func(t *testing.T) {
			w := newWorld(t)
			missing := 0
			for i := range 20 {
				arn := w.launch(w.order(fmt.Sprintf("ci-%d-1", i)))
				w.run(300 * time.Millisecond)
				if w.describe(arn) == nil {
					missing++
					if slices.Contains(w.list("", ""), arn) {
						t.Error("listed and not described")
					}
				}
				w.run(2 * time.Second)
				if w.describe(arn) == nil || !slices.Contains(w.list("", ""), arn) {
					t.Error("not known after some seconds")
				}
			}
			if missing == 0 || missing == 20 {
				t.Errorf("%d of 20 were MISSING", missing)
			}
		},
		"DescribeTasks may miss a task that ListTasks lists": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.TaskMissing, For: lasting(time.Minute)})
			arn := w.launch(w.order("ci-7-1"))
			w.run(59 * time.Second)
			if w.describe(arn) != nil || !slices.Contains(w.list("", ""), arn) {
				t.Error("it is known within the minute")
			}
			w.run(2 * time.Second)
			if w.describe(arn) == nil {
				t.Error("it is not known after the minute")
			}
		},
		"a stopped task stays visible for an hour": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			w.ecs.Exit(arn, 0)
			w.run(time.Minute)
			w.run(w.ended(arn).At.Add(time.Hour - time.Second).Sub(w.k.Now()))
			if w.describe(arn) == nil || !slices.Contains(w.list("STOPPED", ""), arn) {
				t.Error("gone within the hour")
			}
			w.run(2 * time.Second)
			if w.describe(arn) != nil || len(w.list("STOPPED", "")) != 0 {
				t.Error("there after the hour")
			}
			if len(w.ecs.Tasks()) != 1 || len(w.ecs.Running()) != 0 {
				t.Error("the truth was forgotten")
			}
		},
		"a task is listed by what it is to be, RUNNING by default": func(t *testing.T) {
			w := newWorld(t)
			arn := w.launch(w.order("ci-7-1"))
			w.run(5 * time.Second)
			if !slices.Contains(w.list("", ""), arn) || !slices.Contains(w.list("RUNNING", ""), arn) || len(w.list("STOPPED", "")) != 0 || len(w.list("PENDING", "")) != 0 {
				t.Error("while it starts")
			}
			w.run(time.Minute)
			w.stop(arn)
			if len(w.list("", "")) != 0 || !slices.Contains(w.list("STOPPED", ""), arn) || *w.describe(arn).LastStatus != "RUNNING" {
				t.Error("while it is being stopped")
			}
		},
		"tasks are listed by startedBy, with no other filter but the status": func(t *testing.T) {
			w := newWorld(t)
			first, second := w.launch(w.order("ci-7-1")), w.launch(w.order("ci-8-1"))
			w.run(5 * time.Second)
			if got := w.list("", "ci-8-1"); !slices.Equal(got, []string{second}) {
				t.Error(got)
			}
			w.stop(first)
			if got := w.list("STOPPED", "ci-7-1"); !slices.Equal(got, []string{first}) {
				t.Error(got)
			}
			if _, err := w.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("ci"), StartedBy: aws.String("x"), Family: aws.String("x")}); err == nil {
				t.Error("two filters")
			}
		},
		"a list has pages of 100": func(t *testing.T) {
			w := newWorld(t)
			for i := range 25 {
				in := w.order(fmt.Sprint("ci-", i))
				in.Count = aws.Int32(10)
				if _, err := w.ecs.RunTask(t.Context(), in); err != nil {
					t.Fatal(err)
				}
				w.run(time.Second)
			}
			w.run(5 * time.Second)
			out, err := w.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("ci")})
			if err != nil || len(out.TaskArns) != 100 || out.NextToken == nil {
				t.Fatal(len(out.TaskArns), err)
			}
			all := w.list("", "")
			slices.Sort(all)
			if len(all) != 250 || len(slices.Compact(all)) != 250 {
				t.Errorf("%d listed", len(all))
			}
			if _, err := w.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("ci"), Tasks: all[:101]}); err == nil {
				t.Error("101 described at once")
			}
		},
		"tags come only when they are asked for": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			in := &ecs.DescribeTasksInput{Cluster: aws.String(w.cfg.ClusterARN()), Tasks: []string{arn[strings.LastIndex(arn, "/")+1:]}, Include: []types.TaskField{types.TaskFieldTags}}
			out, err := w.ecs.DescribeTasks(t.Context(), in)
			if err != nil || len(out.Tasks) != 1 || len(out.Tasks[0].Tags) != 1 || len(w.describe(arn).Tags) != 0 {
				t.Errorf("%+v %v", out, err)
			}
			if w.ecs.Tasks()[0].Tags["fleet"] != "ci" {
				t.Error("the truth has no tags")
			}
		},
		"an event has the overrides' environment and no tags": func(t *testing.T) {
			w := newWorld(t)
			w.up(w.order("ci-7-1"))
			for _, raw := range w.raw {
				if !strings.Contains(string(raw), `{"name":"NEW","value":"3"}`) || strings.Contains(string(raw), `"tags"`) {
					t.Errorf("%s", raw)
				}
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-definition-state-changes.html
func TestDefinitions(t *testing.T) {
	describe := func(w *world, id string) (*types.TaskDefinition, error) {
		out, err := w.ecs.DescribeTaskDefinition(w.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(id)})
		if err != nil {
			return nil, err
		}
		return out.TaskDefinition, nil
	}
	deregister := func(w *world, id string) error {
		_, err := w.ecs.DeregisterTaskDefinition(w.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(id)})
		return err
	}
	remove := func(w *world, id string) string {
		w.Helper()
		out, err := w.ecs.DeleteTaskDefinitions(w.Context(), &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{id}})
		if err != nil {
			w.Fatal(err)
		}
		if len(out.Failures) > 0 {
			return *out.Failures[0].Reason
		}
		return ""
	}
	facts{
		"a bare family is its newest active revision": func(t *testing.T) {
			w := newWorld(t)
			second := w.register(nil)
			if d, err := describe(w, family); err != nil || *d.TaskDefinitionArn != second || d.Revision != 2 {
				t.Error(d, err)
			}
			if err := deregister(w, second); err != nil {
				t.Fatal(err)
			}
			if d, err := describe(w, family); err != nil || *d.TaskDefinitionArn != w.definition {
				t.Error(d, err)
			}
			if d, err := describe(w, second); err != nil || d.Status != types.TaskDefinitionStatusInactive || d.DeregisteredAt == nil {
				t.Error(d, err)
			}
		},
		"a family without an active revision cannot be described": func(t *testing.T) {
			w := newWorld(t)
			if err := deregister(w, w.definition); err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{family, "other", family + ":9"} {
				if _, err := describe(w, id); err == nil || !strings.Contains(err.Error(), "ClientException: Unable to describe task definition.") {
					t.Error(id, err)
				}
			}
		},
		"a deregistered definition starts tasks for up to ten minutes, then none": func(t *testing.T) {
			later := 0
			for seed := range uint64(10) {
				w := newWorldWith(t, seed, simaws.Config{})
				w.up(w.order("ci-1-1"))
				if err := deregister(w, w.definition); err != nil {
					t.Fatal(err)
				}
				w.run(2 * time.Minute)
				if arn, _ := w.try(w.order("ci-2-1")); arn != "" {
					later++
				}
				w.run(8*time.Minute + time.Second)
				if arn, why := w.try(w.order("ci-3-1")); arn != "" || !strings.Contains(why, "ClientException: TaskDefinition is inactive") {
					t.Errorf("after ten minutes: %s %s", arn, why)
				}
				if *w.describe(w.ecs.Tasks()[0].ARN).LastStatus != "RUNNING" {
					t.Error("the task that ran has ended")
				}
			}
			if later == 0 || later == 10 {
				t.Errorf("%d of 10 started after two minutes", later)
			}
		},
		"an inactive definition cannot be deregistered again": func(t *testing.T) {
			w := newWorld(t)
			if err := deregister(w, w.definition); err != nil {
				t.Fatal(err)
			}
			if err := deregister(w, w.definition); err == nil || !strings.Contains(err.Error(), "inactive") {
				t.Error(err)
			}
			if err := deregister(w, family+":9"); err == nil || !strings.Contains(err.Error(), "does not exist") {
				t.Error(err)
			}
		},
		"only deregistered definitions can be deleted, and a failure is no error": func(t *testing.T) {
			w := newWorld(t)
			if why := remove(w, w.definition); !strings.Contains(why, "ACTIVE") {
				t.Error(why)
			}
			if why := remove(w, family+":9"); !strings.Contains(why, "does not exist") {
				t.Error(why)
			}
		},
		"a definition is DELETE_IN_PROGRESS until its last task has stopped": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-1-1"))
			if err := deregister(w, w.definition); err != nil {
				t.Fatal(err)
			}
			if why := remove(w, w.definition); why != "" {
				t.Fatal(why)
			}
			if in, _ := w.try(w.order("ci-2-1")); in != "" {
				t.Error("a task of a definition that is being deleted")
			}
			w.run(time.Hour)
			if d, err := describe(w, w.definition); err != nil || d.Status != types.TaskDefinitionStatusDeleteInProgress {
				t.Fatal(d, err)
			}
			w.ecs.Exit(arn, 0)
			w.run(2 * time.Minute)
			if _, err := describe(w, w.definition); err == nil {
				t.Error("it is still there")
			}
		},
		"a deleted definition without tasks goes within minutes, and its number is not given again": func(t *testing.T) {
			w := newWorld(t)
			if err := deregister(w, w.definition); err != nil {
				t.Fatal(err)
			}
			remove(w, w.definition)
			if _, err := describe(w, w.definition); err != nil {
				t.Error(err)
			}
			w.run(2 * time.Minute)
			if _, err := describe(w, w.definition); err == nil {
				t.Error("it is still there")
			}
			if next := w.register(nil); !strings.HasSuffix(next, ":2") {
				t.Error(next)
			}
		},
		"ten definitions are deleted at once at most": func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.ecs.DeleteTaskDefinitions(t.Context(), &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: make([]string, 11)}); err == nil {
				t.Error("eleven")
			}
		},
		"of two registrations in one family at once the second is refused": func(t *testing.T) {
			w := newWorld(t)
			refused := 0
			for range 2 {
				w.k.Go(&kernel.Process{}, func() {
					in := &ecs.RegisterTaskDefinitionInput{
						Family: aws.String("other"), NetworkMode: types.NetworkModeAwsvpc,
						ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("runner"), Image: aws.String("x")}},
					}
					for range 20 {
						if _, err := w.ecs.RegisterTaskDefinition(t.Context(), in); err != nil {
							if !strings.Contains(err.Error(), "ClientException: Too many concurrent attempts to create a new revision of the specified family.") {
								t.Error(err)
							}
							refused++
						}
						w.k.Pause(3 * time.Second)
					}
				}, nil)
			}
			w.run(2 * time.Minute)
			if refused == 0 || refused > 20 {
				t.Errorf("%d of 40 were refused", refused)
			}
			w.k.Go(&kernel.Process{}, func() {
				for range 5 {
					w.register(nil)
				}
			}, nil)
			w.run(time.Minute)
		},
		"a caller that dies during a registration does not block the next": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: kernel.KilledAfter})
			w.k.Go(&kernel.Process{Mortal: true}, func() { w.register(nil) }, nil)
			w.run(time.Minute)
			if next := w.register(nil); !strings.HasSuffix(next, ":3") {
				t.Error(next)
			}
		},
		"families and revisions are listed by status, in pages": func(t *testing.T) {
			w := newWorld(t)
			for i := range 4 {
				w.register(func(in *ecs.RegisterTaskDefinitionInput) { in.Family = aws.String(fmt.Sprintf("fam-%d", i%2)) })
			}
			if err := deregister(w, "fam-0:1"); err != nil {
				t.Fatal(err)
			}
			if err := deregister(w, "fam-1:1"); err != nil {
				t.Fatal(err)
			}
			if err := deregister(w, "fam-1:2"); err != nil {
				t.Fatal(err)
			}
			for status, want := range map[types.TaskDefinitionFamilyStatus]string{"ACTIVE": "fam-0", "INACTIVE": "fam-1", "ALL": "fam-0 fam-1", "": "fam-0 fam-1"} {
				var got []string
				for pages := ecs.NewListTaskDefinitionFamiliesPaginator(w.ecs, &ecs.ListTaskDefinitionFamiliesInput{FamilyPrefix: aws.String("fam-"), Status: status, MaxResults: aws.Int32(1)}); pages.HasMorePages(); {
					out, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, out.Families...)
				}
				if strings.Join(got, " ") != want {
					t.Errorf("%s: %q", status, got)
				}
			}
			for status, want := range map[types.TaskDefinitionStatus]string{"": "fam-0:2", "ACTIVE": "fam-0:2", "INACTIVE": "fam-0:1 fam-1:1 fam-1:2"} {
				var got []string
				for pages := ecs.NewListTaskDefinitionsPaginator(w.ecs, &ecs.ListTaskDefinitionsInput{Status: status, MaxResults: aws.Int32(1)}); pages.HasMorePages(); {
					out, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, arn := range out.TaskDefinitionArns {
						if name := arn[strings.LastIndex(arn, "/")+1:]; strings.HasPrefix(name, "fam") {
							got = append(got, name)
						}
					}
				}
				if strings.Join(got, " ") != want {
					t.Errorf("%s: %q", status, got)
				}
			}
			out, err := w.ecs.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("fam-")})
			if err != nil || len(out.TaskDefinitionArns) != 0 {
				t.Error("what is called a prefix is the whole name", out, err)
			}
		},
	}.run(t)
}

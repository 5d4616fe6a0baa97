package simaws_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// allPhases are those of a build that succeeds, in their order
// (https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html).
var allPhases = []string{"SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING"}

// https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
func TestBuildEvents(t *testing.T) {
	long := kernel.Fault{Kind: simaws.BuildTakes, For: lasting(40 * time.Minute)}
	facts{
		"phase events tell of completed phases only: a build of 40 minutes says nothing for 40 minutes": func(t *testing.T) {
			w := newWorld(t, long)
			id := w.start(build("a"))
			w.run(time.Minute)
			before := len(w.events)
			if got := w.phases(id); !slices.Equal(got, allPhases[:6]) {
				t.Fatalf("after a minute: %q", got)
			}
			if b := w.look(id); *b.CurrentPhase != "BUILD" || b.BuildStatus != cbtypes.StatusTypeInProgress {
				t.Fatalf("after a minute it is in %s", *b.CurrentPhase)
			}
			w.run(38 * time.Minute)
			if len(w.events) != before {
				t.Errorf("said within the phase: %+v", w.events[before:])
			}
			w.run(2 * time.Minute)
			if got := w.phases(id); !slices.Equal(got, allPhases) {
				t.Errorf("in the end: %q", got)
			}
		},
		"an event about a phase has no build-status": func(t *testing.T) {
			w := newWorld(t)
			w.start(build("a"))
			w.run(10 * time.Minute)
			for _, e := range w.events {
				if phase := e.DetailType == "CodeBuild Build Phase Change"; phase != (e.Build.Status == nil) || phase != (e.Build.Completed != "") {
					t.Errorf("%+v", e)
				}
			}
		},
		"a build is IN_PROGRESS from the start, also in the queue, and then ends": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildQueued, For: lasting(10 * time.Minute)})
			id := w.start(build("a"))
			w.run(9 * time.Minute)
			if b := w.look(id); !slices.Equal(w.says(id), []string{"IN_PROGRESS"}) || b.BuildStatus != cbtypes.StatusTypeInProgress || *b.CurrentPhase != "QUEUED" {
				t.Errorf("%q, in %s", w.says(id), *b.CurrentPhase)
			}
			w.run(10 * time.Minute)
			if b := w.look(id); !slices.Equal(w.says(id), []string{"IN_PROGRESS", "SUCCEEDED"}) || !b.BuildComplete || b.EndTime == nil {
				t.Errorf("%q", w.says(id))
			}
		},
		"a build that succeeds exports its variables, in the end only": func(t *testing.T) {
			w := newWorld(t)
			id := w.start(build("a"))
			w.run(10 * time.Minute)
			digest := ""
			for _, e := range w.events {
				if len(e.Build.More.Exported) == 0 {
					continue
				}
				got := e.Build.More.Exported
				if e.Build.Status == nil || *e.Build.Status != "SUCCEEDED" || len(got) != 3 || got[0].Name != "IMAGE_DIGEST" || got[1] != (pair{"RUNNER_RELEASE", "2.335.1"}) {
					t.Errorf("%+v", e)
				}
				digest = got[0].Value
			}
			if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(digest) {
				t.Errorf("digest %q", digest)
			}
			if b := w.look(id); len(b.ExportedEnvironmentVariables) != 3 || *b.ExportedEnvironmentVariables[0].Value != digest {
				t.Errorf("%+v", b.ExportedEnvironmentVariables)
			}
			if images := w.ecr.Images(); len(images) != 1 || images[0].Digest != digest || !slices.Equal(images[0].Tags, []string{tag + "-3", "latest"}) {
				t.Errorf("%+v", images)
			}
		},
		"a build that is told no release finds one": func(t *testing.T) {
			w := newWorld(t)
			w.builds.Release = func() string { return "2.400.0" }
			in := build("a")
			in.EnvironmentVariablesOverride = in.EnvironmentVariablesOverride[:4]
			id := w.start(in)
			w.run(10 * time.Minute)
			if b := w.look(id); *b.ExportedEnvironmentVariables[1].Value != "2.400.0" {
				t.Errorf("%+v", b.ExportedEnvironmentVariables)
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
func TestBuildsThatEndBadly(t *testing.T) {
	// context is that of a phase in the event of the build's end.
	context := func(w *world, phase string) string {
		for _, e := range w.events {
			for _, p := range e.Build.More.Phases {
				if e.Build.Status != nil && *e.Build.Status != "IN_PROGRESS" && p.Type == phase {
					return p.Status + " " + strings.Join(p.Context, "")
				}
			}
		}
		return ""
	}
	facts{
		"a failed phase has a context that says why, and POST_BUILD follows": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildFails, With: "toomanyrequests: slow down"})
			id := w.start(build("a"))
			w.run(10 * time.Minute)
			if !slices.Equal(w.says(id), []string{"IN_PROGRESS", "FAILED"}) || !slices.Equal(w.phases(id), allPhases) {
				t.Errorf("%q %q", w.says(id), w.phases(id))
			}
			if why := context(w, "BUILD"); why != "FAILED COMMAND_EXECUTION_ERROR: Error while executing command: bash ./build.sh. Reason: toomanyrequests: slow down" {
				t.Error(why)
			}
			if len(w.ecr.Images()) != 0 || len(w.look(id).ExportedEnvironmentVariables) != 0 {
				t.Error("it pushed an image")
			}
			stream := id[strings.LastIndex(id, ":")+1:]
			if lines, err := w.builds.LastLines("/aws/codebuild/ci-images", stream, 40); err != nil || !slices.Contains(lines, "toomanyrequests: slow down") {
				t.Errorf("log %q %v", lines, err)
			}
			if lines, _ := w.builds.LastLines("/aws/codebuild/ci-images", stream, 1); len(lines) != 1 {
				t.Errorf("log %q", lines)
			}
		},
		"only builds of one image fail": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildFails, Of: "on_demand/docker.io/"})
			bad := build("a")
			bad.EnvironmentVariablesOverride = append(bad.EnvironmentVariablesOverride,
				cbtypes.EnvironmentVariable{Name: aws.String("BASE_IMAGE"), Value: aws.String("docker.io/library/node:22")})
			bad.EnvironmentVariablesOverride[2].Value = aws.String("on_demand")
			first, second := w.start(bad), w.start(build("b"))
			w.run(20 * time.Minute)
			if w.look(first).BuildStatus != cbtypes.StatusTypeFailed || w.look(second).BuildStatus != cbtypes.StatusTypeSucceeded {
				t.Errorf("%s %s", w.look(first).BuildStatus, w.look(second).BuildStatus)
			}
		},
		"a build times out after 60 minutes, not counting the queue": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildTakes, For: lasting(2 * time.Hour)}, kernel.Fault{Kind: simaws.BuildQueued, For: lasting(10 * time.Minute)})
			id := w.start(build("a"))
			w.run(70 * time.Minute)
			if b := w.look(id); b.BuildStatus != cbtypes.StatusTypeInProgress {
				t.Errorf("after 70 minutes: %s", b.BuildStatus)
			}
			w.run(time.Minute)
			if b := w.look(id); b.BuildStatus != cbtypes.StatusTypeTimedOut || !strings.HasPrefix(context(w, "BUILD"), "TIMED_OUT BUILD_TIMED_OUT: ") {
				t.Errorf("%s %s", b.BuildStatus, context(w, "BUILD"))
			}
		},
		"a build times out after 60 minutes in the queue": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildQueued, For: lasting(2 * time.Hour)})
			id := w.start(build("a"))
			w.run(60 * time.Minute)
			if b := w.look(id); b.BuildStatus != cbtypes.StatusTypeInProgress {
				t.Errorf("after 60 minutes: %s", b.BuildStatus)
			}
			w.run(2 * time.Second)
			if b := w.look(id); b.BuildStatus != cbtypes.StatusTypeTimedOut || !strings.HasPrefix(context(w, "QUEUED"), "TIMED_OUT") {
				t.Errorf("%s %s", b.BuildStatus, context(w, "QUEUED"))
			}
			w.run(2 * time.Hour)
			if got := w.says(id); len(got) != 2 {
				t.Errorf("it went on: %q", got)
			}
		},
		"StopBuild stops a build, in its phase or in the queue": func(t *testing.T) {
			w := newWorld(t)
			first, second := w.start(build("a")), w.start(build("b"))
			w.run(time.Minute)
			for _, id := range []string{second, first, first} {
				if _, err := w.builds.StopBuild(t.Context(), &codebuild.StopBuildInput{Id: aws.String(id)}); err != nil {
					t.Fatal(err)
				}
			}
			w.run(10 * time.Minute)
			for _, id := range []string{first, second} {
				if !slices.Equal(w.says(id), []string{"IN_PROGRESS", "STOPPED"}) || len(w.ecr.Images()) != 0 {
					t.Errorf("%q", w.says(id))
				}
			}
			third := w.start(build("c"))
			w.run(10 * time.Minute)
			if w.look(third).BuildStatus != cbtypes.StatusTypeSucceeded {
				t.Error("the stopped builds take up room")
			}
			_, err := w.builds.StopBuild(t.Context(), &codebuild.StopBuildInput{Id: aws.String("ci-images:x")})
			var unknown *cbtypes.ResourceNotFoundException
			if !errors.As(err, &unknown) {
				t.Error(err)
			}
		},
		"an operator stops a build": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildStopped})
			id := w.start(build("a"))
			w.run(10 * time.Minute)
			if b := w.look(id); b.BuildStatus != cbtypes.StatusTypeStopped || len(w.phases(id)) != 7 {
				t.Errorf("%s %q", b.BuildStatus, w.phases(id))
			}
		},
		"a build may succeed without an image in the repository": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.ImageMissing})
			id := w.start(build("a"))
			w.run(10 * time.Minute)
			if w.look(id).BuildStatus != cbtypes.StatusTypeSucceeded || len(w.ecr.Images()) != 0 || w.builds.Builds()[0].Digest == "" {
				t.Errorf("%+v", w.builds.Builds())
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
func TestTheQueueOfBuilds(t *testing.T) {
	facts{
		"so many builds run at once, five times as many wait, and one more is refused": func(t *testing.T) {
			w := newWorldWith(t, 1, simaws.Config{ConcurrentBuilds: 2})
			var ids []string
			for i := range 12 {
				ids = append(ids, w.start(build(fmt.Sprint(i))))
			}
			w.run(30 * time.Second)
			for i, id := range ids {
				if waits := *w.look(id).CurrentPhase == "QUEUED"; waits != (i >= 2) {
					t.Errorf("build %d waits: %t", i, waits)
				}
			}
			_, err := w.builds.StartBuild(t.Context(), build("one more"))
			var full *cbtypes.AccountLimitExceededException
			if !errors.As(err, &full) {
				t.Error(err)
			}
			arm := build("arm")
			arm.ProjectName = aws.String("ci-images-arm64")
			w.start(arm) // other machines, another queue
			w.run(4 * time.Minute)
			w.start(build("one more"))
		},
		"a new account runs one build at once, the oldest first": func(t *testing.T) {
			w := newWorld(t)
			for i := range 3 {
				w.start(build(fmt.Sprint(i)))
			}
			w.run(20 * time.Minute)
			var before time.Time
			for _, b := range w.builds.Builds() {
				if b.Status != "SUCCEEDED" || b.EndedAt.Sub(before) < 3*time.Minute {
					t.Errorf("%+v", b)
				}
				before = b.EndedAt
			}
		},
		"the same idempotency token is the same build for five minutes": func(t *testing.T) {
			w := newWorldWith(t, 1, simaws.Config{ConcurrentBuilds: 5})
			first := w.start(build("a"))
			w.run(5*time.Minute - time.Second)
			if again := w.start(build("a")); again != first {
				t.Error("forgotten within five minutes")
			}
			other := build("a")
			other.EnvironmentVariablesOverride[1].Value = aws.String("4")
			_, err := w.builds.StartBuild(t.Context(), other)
			var mismatch *cbtypes.InvalidInputException
			if !errors.As(err, &mismatch) {
				t.Error("other parameters:", err)
			}
			w.run(2 * time.Second)
			if again := w.start(build("a")); again == first {
				t.Error("remembered after five minutes")
			}
		},
		"a lost answer does not lose the build": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.BuildAnswerLost})
			if _, err := w.builds.StartBuild(t.Context(), build("a")); err == nil || len(w.builds.Builds()) != 1 {
				t.Fatal(err)
			}
			if again := w.start(build("a")); again != w.builds.Builds()[0].ID {
				t.Error("another build")
			}
		},
		"builds are listed for ever, the newest first, 100 a page": func(t *testing.T) {
			w := newWorldWith(t, 1, simaws.Config{ConcurrentBuilds: 30})
			var ids []string
			for i := range 150 {
				ids = append(ids, w.start(build(fmt.Sprint(i))))
			}
			w.run(30 * 24 * time.Hour)
			slices.Reverse(ids)
			var got []string
			for pages := codebuild.NewListBuildsForProjectPaginator(w.builds, &codebuild.ListBuildsForProjectInput{ProjectName: aws.String("ci-images")}); pages.HasMorePages(); {
				out, err := pages.NextPage(t.Context())
				if err != nil || len(out.Ids) > 100 {
					t.Fatal(len(out.Ids), err)
				}
				got = append(got, out.Ids...)
			}
			if !slices.Equal(got, ids) {
				t.Errorf("%d of %d", len(got), len(ids))
			}
			if _, err := w.builds.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: ids[:101]}); err == nil {
				t.Error("101 read at once")
			}
			out, err := w.builds.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: append(ids[:99:99], "ci-images:x")})
			if err != nil || len(out.Builds) != 99 || !slices.Equal(out.BuildsNotFound, []string{"ci-images:x"}) {
				t.Error(out.BuildsNotFound, err)
			}
		},
		"a project must be there": func(t *testing.T) {
			w := newWorld(t)
			in := build("a")
			in.ProjectName = aws.String("other")
			_, err := w.builds.StartBuild(t.Context(), in)
			_, listErr := w.builds.ListBuildsForProject(t.Context(), &codebuild.ListBuildsForProjectInput{ProjectName: aws.String("other")})
			var unknown *cbtypes.ResourceNotFoundException
			if !errors.As(err, &unknown) || !errors.As(listErr, &unknown) {
				t.Error(err, listErr)
			}
		},
		"CodeBuild throttles": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.CodeBuildThrottled, Of: "codebuild.start_build"})
			if _, err := w.builds.StartBuild(t.Context(), build("a")); throttle(err) == nil || len(w.builds.Builds()) != 0 {
				t.Error(err)
			}
		},
	}.run(t)
}

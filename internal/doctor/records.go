package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

const (
	// sweepIsLate is when people hear that the sweep, which runs each minute, does not.
	sweepIsLate = 5 * time.Minute
	// budgetIsLow is what is left of GitHub's limit then, in percent: the sweep leaves half.
	budgetIsLow = 10
	// imageIsOld is how old an image becomes before people hear of it: its base image has had
	// security updates by then, which the fleet does not look for.
	imageIsOld = 90 * 24 * time.Hour
	// runnerIsLate is how long after a release GitHub gives jobs to the runner before it.
	// https://docs.github.com/actions/reference/runners/self-hosted-runners
	runnerIsLate = 30 * 24 * time.Hour
	// unenforcedFor is how long people hear of a runner on which policy was not enforced.
	unenforcedFor = 3 * 24 * time.Hour
	// mostHolds is how many holds are read.
	mostHolds = 1000
	// buildsFor is how long the first build of an image takes at most.
	buildsFor = 45 * time.Minute
)

// notes reads the fleet's records.
type notes struct {
	*Setup
	capacity once[fleet.Capacity]
	usage    once[*fleet.GitHubUsage]
}

// ofRecords are the checks of what the fleet has noted.
func (s *Setup) ofRecords() []Check {
	n := &notes{Setup: s}
	checks := []Check{
		{Name: "records", Needs: "dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query", Run: n.readable},
		{Name: "paused", Run: n.paused},
		{Name: "sweep", Run: n.sweep},
		{Name: "github_limit", Run: n.limit},
		{Name: "holds", Run: n.holds},
	}
	if s.Policy.EnforcePolicy {
		checks = append(checks, Check{Name: "enforce_policy", Run: n.enforced})
	}
	if s.NoImages {
		return checks
	}
	for _, spec := range s.Policy.StandingImages() {
		checks = append(checks, Check{Name: "image", About: spec.String() + " " + string(spec.Arch), Needs: "ecr:BatchGetImage", Run: func(ctx context.Context) Result { return n.image(ctx, spec) }})
	}
	return checks
}

func (n *notes) look(ctx context.Context) (fleet.Capacity, error) {
	return n.capacity.get(ctx, n.Records.Capacity)
}

func (n *notes) readable(ctx context.Context) Result {
	if _, err := n.look(ctx); err != nil {
		return n.unchecked(err, "fleet", "the checks of what the fleet has noted could not be made")
	}
	return Healthy("they can be read")
}

func (n *notes) paused(ctx context.Context) Result {
	capacity, err := n.look(ctx)
	switch {
	case err != nil:
		return Skip("records")
	case capacity.Paused != "":
		return Found(Finding{
			Severity: Warning, What: fmt.Sprintf("the fleet is paused (%s) since %s, and launches nothing", capacity.Paused, minute(capacity.PausedAt)),
			Whose: "operator", Do: "resume it when that is over", Command: n.command("resume"),
		})
	}
	return Healthy("the fleet is not paused")
}

// told is what the sweep noted last, nil if it has not noted anything yet.
func (n *notes) told(ctx context.Context) (*fleet.GitHubUsage, error) {
	return n.usage.get(ctx, func(ctx context.Context) (*fleet.GitHubUsage, error) {
		text, err := n.Records.Cursor(ctx, fleet.GitHubUsageCursor)
		if err != nil {
			return nil, err
		}
		var usage fleet.GitHubUsage
		if json.Unmarshal([]byte(text), &usage) != nil {
			return nil, nil
		}
		return &usage, nil
	})
}

// sweep looks at when the sweep ran last, and what it could not do.
func (n *notes) sweep(ctx context.Context) Result {
	usage, err := n.told(ctx)
	switch now := n.Now(); {
	case err != nil:
		return Skip("records")
	case usage == nil && now.Sub(n.StartedAt) < sweepIsLate:
		return Healthy("it has not run yet: the fleet has just been started")
	case usage == nil:
		return Found(n.late("the sweep has never run to its end"))
	case now.Sub(usage.At) > sweepIsLate:
		return Found(n.late(fmt.Sprintf("the sweep ran to its end last at %s, and should each minute", minute(usage.At))))
	case usage.Failed != "":
		return Found(Finding{
			Severity: Warning, What: "the last sweep left something: " + strings.Join(strings.Fields(usage.Failed), " "), Whose: "fleet",
			Do: "the next one goes on; if this stays, its log says more", Command: n.SweepLogs,
		})
	}
	return Healthy("it ran last at %s", minute(usage.At))
}

func (n *notes) late(what string) Finding {
	return Finding{
		Severity: Error, What: what + ", so that nothing that is lost is repaired", Whose: "fleet",
		Do: "its log says why", Command: n.SweepLogs,
	}
}

// limit looks at how many requests GitHub still answers.
func (n *notes) limit(ctx context.Context) Result {
	usage, err := n.told(ctx)
	if err != nil {
		return Skip("records")
	}
	if usage == nil {
		return Healthy("no sweep has noted yet what is left")
	}
	says := "GitHub has no limit"
	for _, b := range usage.Budgets {
		left := b.Left(n.Now())
		says = fmt.Sprintf("%d of %d requests are left until %s", left, b.Limit, minute(b.Reset))
		if 100*left < budgetIsLow*b.Limit {
			return Found(Finding{
				Severity: Warning, What: "GitHub's limit for the token is nearly used up: " + says, Whose: "token",
				Do: "what else uses the token? Give the fleet one of its own; docs/operations.md says what else helps",
			})
		}
	}
	return Healthy("%s", says)
}

// holds looks at what keeps runs from being launched.
func (n *notes) holds(ctx context.Context) Result {
	if _, err := n.look(ctx); err != nil {
		return Skip("records")
	}
	all, err := n.Records.HoldsBelow(ctx, "", mostHolds)
	if err != nil {
		return n.unchecked(err, "fleet", "try again")
	}
	var findings []Finding
	for _, h := range all {
		if !h.Shown() || h.InARow == 0 {
			continue
		}
		findings = append(findings, Finding{
			About: []string{h.Key}, Severity: Warning, What: fmt.Sprintf("runs wait since %s: %s: %s", minute(h.Since), h.Name, strings.Join(strings.Fields(h.Cause), " ")),
			Whose: h.Kind.Whose(), Do: fmt.Sprintf("the fleet tries again at %s by itself, and at once after %s", minute(h.NextTry), h.Kind.Sooner()), Command: n.command("cluster status"),
		})
	}
	if findings != nil {
		return Found(findings...)
	}
	return Healthy("nothing keeps runs from being launched")
}

// enforced looks for runners whose images are too old to ask about their jobs.
func (n *notes) enforced(ctx context.Context) Result {
	if _, err := n.look(ctx); err != nil {
		return Skip("records")
	}
	text, err := n.Records.Cursor(ctx, fleet.UnenforcedCursor)
	if err != nil {
		return n.unchecked(err, "fleet", "try again")
	}
	var last fleet.Unenforced
	if json.Unmarshal([]byte(text), &last) == nil && n.Now().Sub(last.At) < unenforcedFor {
		return Found(Finding{
			Severity: Warning, What: fmt.Sprintf("policy was not enforced on runner %s of %s: the entrypoint of its image (%s) is too old to ask about its job", last.RunnerID, minute(last.At), last.Image),
			Whose: "image", Do: "have the fleet build the image, or build it anew from a runner image of this release; docs/policy.md says what enforcing needs", Command: n.command("images list"),
		})
	}
	return Healthy("no runner of the last %s was too old to ask about its job", inDays(unenforcedFor))
}

// image looks at an image that the configuration names: is it there, and how old is it?
func (n *notes) image(ctx context.Context, spec fleet.ImageSpec) Result {
	if _, err := n.look(ctx); err != nil {
		return Skip("records")
	}
	record, lock, latest, err := n.imageRecord(ctx, spec.Tag())
	if err != nil {
		return n.unchecked(err, "fleet", "try again")
	}
	if spec.Kind == fleet.BaseImage && record.Digest == "" && n.Registry != nil {
		switch _, ok, err := n.Registry.Published(ctx, spec.PublishTag()); {
		case err != nil:
			return n.unchecked(err, "image", "try again")
		case ok:
			return Healthy("it is published under the tag, and not the fleet's")
		}
	}
	now := n.Now()
	build := n.command("images build " + spec.String() + " --arch " + string(spec.Arch))
	switch {
	case record.Usable():
	case record.Failure != nil:
		return Found(Finding{
			Severity: Error, What: "it could not be built: " + record.Failure.Reason, Whose: whoseBuild(*record.Failure),
			Do: "mend what it is made from and deploy, or build it again", Command: build,
		})
	case lock.Held(now):
		return Found(Finding{
			Severity: Warning, What: "it is being built, and jobs wait for it", Whose: "fleet", Do: "wait some minutes", Command: n.command("images list"),
		})
	case now.Sub(n.StartedAt) < buildsFor && record.Outdated == "":
		return Found(Finding{
			Severity: Warning, What: "it is not built yet, and jobs wait for it", Whose: "fleet",
			Do: "wait some minutes: its build begins once GitHub accepts the token", Command: n.command("images list"),
		})
	default:
		return Found(Finding{
			Severity: Error, What: "it is not built, and nothing builds it", Whose: "fleet",
			Do: "build it; if nothing begins, the sweep's log says why", Command: build,
		})
	}
	if n.Registry != nil {
		there, err := n.Registry.Has(ctx, record.Digest)
		if err != nil {
			return n.unchecked(err, "image", "try again")
		}
		if !there {
			return Found(Finding{
				Severity: Error, What: fmt.Sprintf("its revision %d is not in the registry any more", record.Revision), Whose: "image",
				Do: "build it again, and look who deleted it", Command: build,
			})
		}
	}
	age := now.Sub(record.BuiltAt)
	switch {
	case latest.Version != "" && record.RunnerVersion != "" && record.RunnerVersion != latest.Version && age > runnerIsLate:
		return Found(Finding{
			Severity: Warning, What: fmt.Sprintf("it has GitHub's runner %s of %s, and the latest is %s: GitHub gives no jobs to runners 30 days behind", record.RunnerVersion, record.BuiltAt.UTC().Format(time.DateOnly), latest.Version),
			Whose: "image", Do: "set runner_version: latest, or a newer one, or build it again", Command: build,
		})
	case record.Failure != nil:
		return Found(Finding{
			Severity: Warning, What: "its next revision could not be built: " + record.Failure.Reason, Whose: whoseBuild(*record.Failure),
			Do: "mend what it is made from and deploy, or build it again; the revision before serves meanwhile", Command: build,
		})
	case age > imageIsOld:
		return Found(Finding{
			Severity: Warning, What: fmt.Sprintf("it was built %s ago, at %s: its base image has had security updates since", inDays(age), record.BuiltAt.UTC().Format(time.DateOnly)),
			Whose: "image", Do: "build all images again", Command: n.command("images refresh --all"),
		})
	}
	return Healthy("revision %d of %s, with runner %s", record.Revision, minute(record.BuiltAt), record.RunnerVersion)
}

// imageRecord reads what is known of an image, and GitHub's latest runner as far as the
// fleet knows it.
func (n *notes) imageRecord(ctx context.Context, tag string) (record fleet.ImageRecord, lock fleet.BuildLock, latest fleet.RunnerRelease, err error) {
	all, err := n.Records.Images(ctx)
	lock, lockErr := n.Records.BuildLock(ctx, tag)
	text, textErr := n.Records.Cursor(ctx, lifecycle.RunnerReleaseCursor)
	if err = errors.Join(err, lockErr, textErr); err != nil {
		return record, lock, latest, err
	}
	if json.Unmarshal([]byte(text), &latest) != nil {
		latest = fleet.RunnerRelease{} // the fleet has not asked yet
	}
	for _, r := range all {
		if r.Tag == tag {
			record = r
		}
	}
	return record, lock, latest, nil
}

func whoseBuild(f fleet.BuildFailure) string {
	if f.MayPass {
		return "registry"
	}
	return "image"
}

package github

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// RefusalPage is the project's page about labels, to which a refusal leads unless the
// configuration has another one. It has a heading for each rule.
const RefusalPage = "https://github.com/ecs-runner-fleet/ecs-runner-fleet/blob/main/docs/labels.md"

// ShowRefusal shows a refusal at the job's head commit: as a check run where a GitHub App may
// write these, which has room for the whole explanation, else as a failed status.
func (f ForFleet) ShowRefusal(ctx context.Context, r fleet.Refusal) (as string, err error) {
	repository, needs := parse(r.Repository), "Commit statuses"
	if _, app := f.Client.credential.(*appTokens); app {
		needs = "Checks or Commit statuses"
		if !r.StatusOnly {
			err = f.showCheck(ctx, repository, r)
			if err == nil {
				return fleet.AsCheckRun, nil
			}
			if !fleet.IsNamed(err, NoAccess, NotFound) {
				return "", fmt.Errorf("show the refusal: %w", err)
			}
		}
	}
	err = f.Client.CreateStatus(ctx, repository, r.SHA, CommitStatus{
		State: StatusFailure, TargetURL: refusalURL(r), Description: refusalDescription(r), Context: refusalContext(r),
	})
	switch {
	case fleet.IsNamed(err, NoAccess, NotFound):
		err = fmt.Errorf("%w; it needs the permission %s (read and write) on %s; without it, set refusal_status: never", err, needs, repository)
	case err != nil:
		err = fmt.Errorf("show the refusal: %w", err)
	}
	return fleet.AsStatus, err
}

// showCheck creates the check run of a refusal, unless one that was not heard of did.
func (f ForFleet) showCheck(ctx context.Context, repository Repository, r fleet.Refusal) error {
	name := refusalContext(r)
	if r.Again {
		if there, err := f.Client.HasCheckRun(ctx, repository, r.SHA, name, r.ID); err != nil || there {
			return err
		}
	}
	return f.Client.CreateCheckRun(ctx, repository, CheckRun{
		Name: name, HeadSHA: r.SHA, DetailsURL: refusalURL(r), ExternalID: r.ID, Status: CheckCompleted, Conclusion: CheckFailure,
		Output: CheckOutput{Title: refusalDescription(r), Summary: refusalSummary(r)},
	})
}

// refusalSummary is the whole explanation. What comes from labels and names is code in it.
func refusalSummary(r fleet.Refusal) string {
	const (
		before = "The runner fleet refuses a job of this workflow run. GitHub keeps such a job queued for 24 hours, or until the workflow run is cancelled.\n\n"
		meant  = "\n\nThis was probably meant:\n\n"
	)
	reason, label := strings.TrimSpace(r.Reason), ""
	if i := strings.LastIndex(reason, didYouMean); i >= 0 {
		reason, label = reason[:i], strings.TrimSuffix(reason[i+len(didYouMean):], "?")
	}
	text := before + fenced(fleet.Clip(reason, maxCheckSummary/4))
	if label != "" {
		text += meant + fenced(fleet.Clip(label, maxCheckSummary/4))
	}
	return text + "\n\nThe fleet and the rule:\n\n" + fenced(fleet.Clip(r.FleetName+", "+r.Rule, maxStatusContext)) +
		"\n\n[What the rules mean, and what to do](<" + angled.Replace(refusalURL(r)) + ">)\n"
}

// didYouMean begins what a reason ends in, if something else was probably meant.
const didYouMean = "; did you mean "

// angled keeps an address within angle brackets.
var angled = strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "%0A", "\r", "%0D", " ", "%20")

// refusalDescription is the sentence. If it has to be cut, its end stays, which is the label
// that was probably meant.
func refusalDescription(r fleet.Refusal) string {
	text := oneLine(r.Reason)
	i := strings.LastIndex(text, didYouMean)
	if i < 0 || utf8.RuneCountInString(text) <= maxStatusDescription || utf8.RuneCountInString(text[i:]) > maxStatusDescription/2 {
		return fleet.Clip(text, maxStatusDescription)
	}
	return fleet.Clip(text[:i], maxStatusDescription-utf8.RuneCountInString(text[i:])) + text[i:]
}

// refusalContext says whose status it is: of which fleet, and of which workflow. Later ones
// of one workflow run are numbered, for GitHub shows one status of each context.
func refusalContext(r fleet.Refusal) string {
	const most = maxStatusContext - len(" (99)")
	context := fleet.Clip(strings.TrimSuffix("ecs-runner-fleet ("+r.FleetName+") / "+oneLine(r.Workflow), " / "), most)
	if r.Number > 1 {
		context += fmt.Sprintf(" (%d)", r.Number)
	}
	return context
}

// refusalURL is the page of the configuration, or the rule's heading on the project's.
func refusalURL(r fleet.Refusal) string {
	return cmp.Or(r.URL, RefusalPage+"#"+strings.ReplaceAll(r.Rule, ".", ""))
}

// oneLine is a text without what is no character of a line.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}

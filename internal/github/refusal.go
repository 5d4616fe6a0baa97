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

// refusalStatus is what CommitStatus is to people.
const refusalStatus = "a failed commit status"

// ShowRefusal shows a refusal as a failed status of the job's head commit.
func (f ForFleet) ShowRefusal(ctx context.Context, r fleet.Refusal) (as string, err error) {
	repository := parse(r.Repository)
	err = f.Client.CreateStatus(ctx, repository, r.SHA, CommitStatus{
		State: StatusFailure, TargetURL: refusalURL(r), Description: refusalDescription(r), Context: refusalContext(r),
	})
	switch {
	case fleet.IsNamed(err, NoAccess, NotFound):
		err = fmt.Errorf("%w; it needs the permission Commit statuses (read and write) on %s; without it, set refusal_status: never", err, repository)
	case err != nil:
		err = fmt.Errorf("show the refusal: %w", err)
	}
	return refusalStatus, err
}

// refusalDescription is the sentence. If it has to be cut, its end stays, which is the label
// that was probably meant.
func refusalDescription(r fleet.Refusal) string {
	text := oneLine(r.Reason)
	i := strings.LastIndex(text, "; did you mean ")
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

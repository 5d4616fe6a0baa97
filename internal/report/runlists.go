package report

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// RunList names a list of runs that every store keeps in the order of Place, so that it is
// read from any place in time independent of the number of runs.
type RunList struct {
	By RunIndex
	Of string // in the list: a repository in lower case, a class or a fleet.RunStatus
}

// RunIndex is what a list of runs is made by.
type RunIndex string

const (
	ByTime       RunIndex = "time" // all runs: Of is ""
	ByRepository RunIndex = "repository"
	ByClass      RunIndex = "class"  // of runs that were admitted
	ByEnd        RunIndex = "status" // of runs that have ended
	ByOpen       RunIndex = "open"   // runs that have not ended: Of is ""
)

// RepositoryList is the list of a repository's runs. GitHub's names have no case.
func RepositoryList(repository string) RunList {
	return RunList{ByRepository, strings.ToLower(repository)}
}

// Has reports whether a run is in the list.
func (l RunList) Has(run fleet.Run) bool {
	switch l.By {
	case ByRepository:
		return strings.ToLower(run.Job.Repository) == l.Of
	case ByClass:
		return run.ClassName == l.Of
	case ByEnd:
		return run.Status.Terminal() && string(run.Status) == l.Of
	case ByOpen:
		return !run.Status.Terminal()
	}
	return l.By == ByTime
}

// Place is where a run is in a list, which begins with the newest run.
type Place struct {
	At    time.Time // fleet.StageReceived
	RunID string    // or a runner's id
}

// PlaceOf is the place of a run, in every list that it is in.
func PlaceOf(run fleet.Run) Place { return Place{run.At(fleet.StageReceived).UTC(), run.RunID} }

// Compare is negative if p comes before o in a list, since it is newer.
func (p Place) Compare(o Place) int {
	return cmp.Or(o.At.Compare(p.At), cmp.Compare(o.RunID, p.RunID))
}

// RunsRead are some runs of a list, the newest first. Next is the place to go on below, and
// zero at the end of the list; a store may read nothing and yet not be at the end.
type RunsRead struct {
	Runs []fleet.Run
	Next Place
}

// cursor is a place as a text that says nothing to people.
func (p Place) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.At.Format(time.RFC3339Nano) + "#" + p.RunID))
}

// NotACursor says that a text is not the cursor of a page.
type NotACursor struct{ Text string }

func (e NotACursor) Error() string {
	return fmt.Sprintf("%q is not a cursor: take the one that a page of the list ended with", e.Text)
}

func placeAt(cursor string) (Place, error) {
	if cursor == "" {
		return Place{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	at, runID, found := strings.Cut(string(text), "#")
	if err != nil || !found {
		return Place{}, NotACursor{cursor}
	}
	p := Place{RunID: runID}
	if p.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return Place{}, NotACursor{cursor}
	}
	p.At = p.At.UTC()
	return p, nil
}

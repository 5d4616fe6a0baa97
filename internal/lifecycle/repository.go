package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// CursorReader is where small facts are kept by name.
type CursorReader interface {
	// Cursor reads one, "" if it is not there.
	Cursor(ctx context.Context, name string) (string, error)
}

// Cursors are a CursorReader that can be written to.
type Cursors interface {
	CursorReader
	PutCursor(ctx context.Context, name, value string) error
}

// repositoryCursor keeps a fleet.Repository by its name in the configuration.
func repositoryCursor(configured string) string {
	return "repository/" + fleet.RepositoryKey(configured)
}

// repositoryIDCursor keeps under which name the configuration has a repository.
func repositoryIDCursor(id int64) string { return "repository_id/" + strconv.FormatInt(id, 10) }

// ServesRepository says why jobs of a repository, as an event names it, are not this
// fleet's; "" if they are. id is GitHub's, 0 if the event has none.
func ServesRepository(ctx context.Context, cursors CursorReader, p fleet.Policy, name string, id int64) (why string, err error) {
	configured, known, err := findRepository(ctx, cursors, p, name, id)
	switch {
	case err != nil:
		return "", err
	case configured == "":
		return fleet.NotServed(name), nil
	case id == 0:
		return "", nil
	}
	if _, ok := known.Hear(fleet.Repository{ID: id, Name: name}, p, configured); !ok {
		return fmt.Sprintf("%s is another repository now (id %d) than the one that this fleet serves (id %d, %s by its last job); if that was renamed, put its new name into github_repo", name, id, known.ID, known.Name), nil
	}
	return "", nil
}

// LearnRepository notes the id and the name of the repository of a job that the
// webhook told of, so that it stays the same after it was renamed.
func LearnRepository(ctx context.Context, cursors Cursors, p fleet.Policy, job fleet.Job) error {
	if job.RepositoryID == 0 {
		return nil // an event of the release before, or of the API
	}
	configured, known, err := findRepository(ctx, cursors, p, job.Repository, job.RepositoryID)
	if err != nil || configured == "" {
		return err
	}
	next, ok := known.Hear(fleet.Repository{ID: job.RepositoryID, Name: job.Repository, Since: job.LastTime()}, p, configured)
	if !ok || next == known {
		return nil
	}
	text, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode repository %s: %w", configured, err)
	}
	if next.ID != known.ID {
		// First, for the other one says whether this is done.
		if err := cursors.PutCursor(ctx, repositoryIDCursor(next.ID), configured); err != nil {
			return err
		}
	}
	return cursors.PutCursor(ctx, repositoryCursor(configured), string(text))
}

// CurrentName is what GitHub calls a configured repository now, as far as is known.
func CurrentName(ctx context.Context, cursors CursorReader, p fleet.Policy, configured string) (string, error) {
	known, err := repository(ctx, cursors, configured)
	return known.NameNow(p, configured), err
}

// findRepository is the name that the configuration has for a repository, "" if it has
// none, and what is known of that one. A repository that was renamed is found by id.
func findRepository(ctx context.Context, cursors CursorReader, p fleet.Policy, name string, id int64) (configured string, known fleet.Repository, err error) {
	if p.AllowsRepository(name) {
		known, err = repository(ctx, cursors, name)
		return name, known, err
	}
	if id == 0 {
		return "", known, nil
	}
	configured, err = cursors.Cursor(ctx, repositoryIDCursor(id))
	if err != nil || !p.AllowsRepository(configured) {
		return "", known, err
	}
	if known, err = repository(ctx, cursors, configured); err != nil || known.ID != id {
		return "", known, err
	}
	return configured, known, nil
}

func repository(ctx context.Context, cursors CursorReader, configured string) (known fleet.Repository, err error) {
	text, err := cursors.Cursor(ctx, repositoryCursor(configured))
	if err != nil || text == "" {
		return fleet.Repository{}, err
	}
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return fleet.Repository{}, fmt.Errorf("read what is known of repository %s: %w", configured, err)
	}
	return known, nil
}

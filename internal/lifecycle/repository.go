package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// CursorReader reads small facts by name.
type CursorReader interface {
	// Cursor reads a fact, "" if it does not exist.
	Cursor(ctx context.Context, name string) (string, error)
}

// Cursors is a CursorReader that can also write.
type Cursors interface {
	CursorReader
	PutCursor(ctx context.Context, name, value string) error
}

// repositoryCursor keeps a fleet.Repository by its name in the configuration.
func repositoryCursor(configured string) string {
	return "repository/" + fleet.RepositoryKey(configured)
}

// repositoryIDCursor keeps the name that the configuration has for a repository.
func repositoryIDCursor(id int64) string { return "repository_id/" + strconv.FormatInt(id, 10) }

// ServesRepository says why jobs of a repository, as an event names it, are not this
// fleet's; "" if they are. id is GitHub's, 0 if the event has none.
func ServesRepository(ctx context.Context, cursors CursorReader, p fleet.Policy, name string, id int64) (why string, err error) {
	if p.WholeOrganization() {
		// A repository keeps its id when it is renamed, and may then be another's when it is
		// transferred: what counts is whose it is now.
		if p.AllowsRepository(name) {
			return "", nil
		}
		return p.NotServed(name), nil
	}
	configured, known, err := findRepository(ctx, cursors, p, name, id)
	switch {
	case err != nil:
		return "", err
	case configured == "":
		return p.NotServed(name), nil
	case id == 0:
		return "", nil
	}
	if _, ok := known.Hear(fleet.Repository{ID: id, Name: name}, p, configured); !ok {
		return fmt.Sprintf("%s is another repository now (id %d) than the one that this fleet serves (id %d, %s by its last job); if that was renamed, put its new name into github_repo", name, id, known.ID, known.Name), nil
	}
	return "", nil
}

// LearnRepository records the id and the name of the repository of a job that came by
// webhook, so that the fleet knows the repository again after it is renamed.
func LearnRepository(ctx context.Context, cursors Cursors, p fleet.Policy, job fleet.Job) error {
	if job.RepositoryID == 0 || p.WholeOrganization() {
		return nil // an event of the release before, or of the API; or there is no list to know it by
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
		// Written first, since the other cursor says whether this is done.
		if err := cursors.PutCursor(ctx, repositoryIDCursor(next.ID), configured); err != nil {
			return err
		}
	}
	return cursors.PutCursor(ctx, repositoryCursor(configured), string(text))
}

// CurrentName returns GitHub's present name of a configured repository, as far as it is
// known.
func CurrentName(ctx context.Context, cursors CursorReader, p fleet.Policy, configured string) (string, error) {
	known, err := repository(ctx, cursors, configured)
	return known.NameNow(p, configured), err
}

// KnownRepository is what is known of a configured repository, zero if no job of it came yet.
func KnownRepository(ctx context.Context, cursors CursorReader, configured string) (fleet.Repository, error) {
	return repository(ctx, cursors, configured)
}

// findRepository returns the configuration's name of a repository, "" if it has none,
// and what is known of that repository. It finds a renamed repository by id.
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

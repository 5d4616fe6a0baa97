package fleet

import (
	"strings"
	"time"
)

// SameRepository reports whether two names are of one repository: GitHub compares
// owners and names ignoring case.
func SameRepository(a, b string) bool { return RepositoryKey(a) == RepositoryKey(b) }

// RepositoryKey is the name of a repository as a key: of a map, or of a cursor.
func RepositoryKey(name string) string { return strings.ToLower(name) }

// NotServed says that a repository is not in the configuration, under no name that is
// known.
func NotServed(name string) string {
	return name + " is not a repository of this fleet; add it to github_repo, or delete the webhook there"
}

// Repository is what is known of a repository that the configuration names. GitHub
// tells repositories apart by id: one that is renamed or transferred keeps it, and its
// old name may be given to another.
type Repository struct {
	ID    int64     `json:"id"`
	Name  string    `json:"name"`           // owner/name, now
	Since time.Time `json:"since,omitzero"` // the time of the job that told its name
}

// Hear is the repository of a configured name after a job of it was heard of. ok is
// false if another repository has that name now: its jobs are not this one's. Jobs are
// told again and late, so the name of the newest job counts.
func (r Repository) Hear(heard Repository, p Policy, configured string) (_ Repository, ok bool) {
	switch {
	case r.ID == 0, r.ID != heard.ID && r.left(p, configured):
		return heard, true
	case r.ID != heard.ID:
		return r, false
	case !SameRepository(r.Name, heard.Name) && heard.Since.After(r.Since):
		return heard, true
	}
	return r, true
}

// NameNow is what to call the repository of a configured name on GitHub: its old name
// leads to it only until another repository takes that.
func (r Repository) NameNow(p Policy, configured string) string {
	if r.Name == "" || r.left(p, configured) {
		return configured
	}
	return r.Name
}

// left reports whether the repository has another name in the configuration by now, so
// that the configured name is free for another.
func (r Repository) left(p Policy, configured string) bool {
	return !SameRepository(r.Name, configured) && p.AllowsRepository(r.Name)
}

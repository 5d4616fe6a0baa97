package fleet

import (
	"strings"
	"time"
)

// SameRepository reports whether two names are of one repository: GitHub compares owners
// and names ignoring case.
func SameRepository(a, b string) bool { return RepositoryKey(a) == RepositoryKey(b) }

// RepositoryKey is the name of a repository as a key: of a map, or of a cursor.
func RepositoryKey(name string) string { return strings.ToLower(name) }

// NotServed says that the configuration has no such repository, under no known name.
func (p Policy) NotServed(name string) string {
	if p.WholeOrganization() {
		return name + " is not a repository of " + p.Organization + ", the organization whose jobs this fleet runs; delete the webhook there, or add the repository to github_repo of a fleet without github_org"
	}
	return name + " is not a repository of this fleet; add it to github_repo, or delete the webhook there"
}

// Repository is what is known of a repository that the configuration names. GitHub
// identifies repositories by id: a renamed or transferred repository keeps it, and its
// old name may be given to another.
type Repository struct {
	ID    int64     `json:"id"`
	Name  string    `json:"name"`           // owner/name, now
	Since time.Time `json:"since,omitzero"` // the time of the job that contained its name
}

// Hear is the repository of a configured name after an event about one of its jobs. ok
// is false if another repository has that name now: its jobs are not this one's. Events
// are repeated and come late, so the name of the newest job counts.
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

// NameNow is GitHub's present name for the repository of a configured name: the old name
// leads to it only until another repository takes that name.
func (r Repository) NameNow(p Policy, configured string) string {
	if r.Name == "" || r.left(p, configured) {
		return configured
	}
	return r.Name
}

// left reports whether the configuration now has the repository under another name, so
// that the configured name is free for another.
func (r Repository) left(p Policy, configured string) bool {
	return !SameRepository(r.Name, configured) && p.AllowsRepository(r.Name)
}

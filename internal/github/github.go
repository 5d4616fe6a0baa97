// Package github calls the part of GitHub's REST API that the fleet needs.
//
// GitHub may do what it was asked and then fail to say so. A
// GenerateJITConfig that ends with GitHub.Unavailable may have registered the
// runner, and asking again under the same name ends with GitHub.Conflict. So
// nothing in this package repeats a request: the caller looks the name up,
// deletes what it finds and asks again under a new name.
package github

// Repository names a repository on the GitHub instance of a client.
type Repository struct {
	Owner string
	Name  string
}

// String returns "owner/name".
func (r Repository) String() string { return r.Owner + "/" + r.Name }

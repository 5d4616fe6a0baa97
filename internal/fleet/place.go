package fleet

import "strings"

// A place is where runners are registered and webhooks are set: a repository as
// owner/name, or an organization, whose name is then followed by a slash.

// OrganizationPlace is the place of an organization.
func OrganizationPlace(organization string) string { return organization + "/" }

// OrganizationOf is the organization that a place is; ok is false for a repository.
func OrganizationOf(place string) (organization string, ok bool) {
	organization, ok = strings.CutSuffix(place, "/")
	return organization, ok && organization != ""
}

// FirstPlace is where questions are asked that are about no repository: the organization
// that runners are registered in, or else the first repository; "" if there is neither.
func (p Policy) FirstPlace() string {
	switch {
	case p.Organization != "":
		return OrganizationPlace(p.Organization)
	case len(p.Repositories) > 0:
		return p.Repositories[0]
	}
	return ""
}

// Place is where the runners for a repository's jobs are registered.
func (p Policy) Place(repository string) string {
	if p.Organization != "" {
		return OrganizationPlace(p.Organization)
	}
	return repository
}

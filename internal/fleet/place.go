package fleet

import (
	"cmp"
	"slices"
	"strings"
)

// A place is where runners are registered and webhooks are set: a repository as
// owner/name; an organization, whose name is then followed by a slash; or an enterprise,
// whose name then follows one. The latter two are shared: their runners may get the jobs of
// several repositories.

// OrganizationPlace is the place of an organization.
func OrganizationPlace(organization string) string { return organization + "/" }

// OrganizationOf is the organization that a place is; ok is false for another place.
func OrganizationOf(place string) (organization string, ok bool) {
	organization, ok = strings.CutSuffix(place, "/")
	return organization, ok && organization != ""
}

// EnterprisePlace is the place of an enterprise.
func EnterprisePlace(enterprise string) string { return "/" + enterprise }

// EnterpriseOf is the enterprise that a place is; ok is false for another place.
func EnterpriseOf(place string) (enterprise string, ok bool) {
	enterprise, ok = strings.CutPrefix(place, "/")
	return enterprise, ok && enterprise != ""
}

// IsShared reports whether runners of a place may get the jobs of several repositories.
func IsShared(place string) bool {
	_, organization := OrganizationOf(place)
	_, enterprise := EnterpriseOf(place)
	return organization || enterprise
}

// SharedPlace is the organization or enterprise that all runners are registered in; "" if
// each is registered in its job's repository.
func (p Policy) SharedPlace() string {
	switch {
	case p.Enterprise != "":
		return EnterprisePlace(p.Enterprise)
	case p.Organization != "":
		return OrganizationPlace(p.Organization)
	}
	return ""
}

// FirstPlace is where questions are asked that are about no repository: the place that all
// runners are registered in, or else the first repository; "" if there is neither.
func (p Policy) FirstPlace() string {
	if len(p.Repositories) == 0 {
		return p.SharedPlace()
	}
	return cmp.Or(p.SharedPlace(), p.Repositories[0])
}

// HookPlaces are where the webhooks may be of repositories whose runners are registered in
// a shared place, "" for none: the organizations, and the repositories themselves. GitHub
// has no API for an enterprise's own webhooks.
func HookPlaces(shared string, repositories []string) (places []string) {
	if _, ok := OrganizationOf(shared); ok {
		places = append(places, shared)
	}
	if _, ok := EnterpriseOf(shared); ok {
		for _, repository := range repositories {
			owner, _, _ := strings.Cut(repository, "/")
			if !slices.ContainsFunc(places, func(p string) bool { return strings.EqualFold(p, OrganizationPlace(owner)) }) {
				places = append(places, OrganizationPlace(owner))
			}
		}
	}
	return append(places, repositories...)
}

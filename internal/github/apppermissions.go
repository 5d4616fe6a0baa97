package github

// AppPermission is a permission that a fleet's GitHub App has.
type AppPermission struct {
	Name  string // in the API
	Level string // read or write
}

// AppEvent is the event that the webhook of a fleet's App is for.
const AppEvent = "workflow_job"

// AppPermissions are all that a fleet's App needs, the most important first. organization
// says that runners are registered in one; statuses, that refusals are shown at commits.
func AppPermissions(organization, statuses bool) []AppPermission {
	at := Place(Repository{})
	if organization {
		at = Organization("")
	}
	needs := []AppPermission{{at.runners(), "write"}, {"actions", "read"}, {"metadata", "read"}}
	if statuses {
		needs = append(needs, AppPermission{"statuses", "write"})
	}
	return needs
}

// String is the permission as an App's settings have it, as "Actions: read".
func (p AppPermission) String() string {
	if p.Level == "write" {
		return permissionTitle(p.Name) + ": read and write"
	}
	return permissionTitle(p.Name) + ": " + p.Level
}

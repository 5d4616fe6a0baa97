package github

// AppPermission is a permission that a fleet's GitHub App has.
type AppPermission struct {
	Name  string // in the API
	Level string // read or write
}

// AppEvent is the event that the webhook of a fleet's App is for.
const AppEvent = "workflow_job"

// AppUses are the parts of a fleet that an App may need permissions for.
type AppUses struct {
	Organization bool // runners are registered in one
	Refusals     bool // are shown at commits
	Reruns       bool // of jobs that Spot interrupted
}

// AppPermissions are all that a fleet's App needs, the most important first.
func AppPermissions(uses AppUses) []AppPermission {
	at, actions := Place(Repository{}), "read"
	if uses.Organization {
		at = Organization("")
	}
	if uses.Reruns {
		actions = "write"
	}
	needs := []AppPermission{{at.runners(), "write"}, {"actions", actions}, {"metadata", "read"}}
	if uses.Refusals {
		needs = append(needs, AppPermission{"checks", "write"})
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

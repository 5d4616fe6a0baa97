package fleet

import "time"

// Registration is a runner as GitHub knows it. Busy and Online may lag behind the truth:
// a false Busy proves nothing.
type Registration struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Online bool   `json:"online,omitempty"`
	Busy   bool   `json:"busy,omitempty"`
}

// Delivery is one attempt of GitHub's to deliver a webhook.
type Delivery struct {
	ID     int64
	GUID   string // the same for every attempt
	Event  string
	Status int // of the answer, 0 if there was none in time
	// Foreign says that it is of an installation of the fleet's GitHub App that the fleet does
	// not serve.
	Foreign bool
}

// ListedRepository is a repository as GitHub lists those of an organization.
type ListedRepository struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`              // owner/name
	Private  bool      `json:"private,omitempty"` // also true of an internal one
	PushedAt time.Time `json:"pushed_at,omitzero"`
}

// AppHook stands for the webhook of the GitHub App that the fleet is, in place of an id:
// there is one, and GitHub shows it to the App alone.
const AppHook = -1

// Hook is a webhook of a repository or an organization, and the address that it delivers to.
type Hook struct {
	ID  int64
	URL string
}

// WorkflowRun is the part of a workflow run that the fleet needs.
type WorkflowRun struct {
	ID         int64     `json:"id"`
	Attempt    int       `json:"attempt,omitempty"`
	Status     string    `json:"status"` // JobCompleted once it is over, whatever its jobs' own statuses
	Conclusion string    `json:"conclusion,omitempty"`
	Private    bool      `json:"private,omitempty"` // whether its repository is private
	Visibility string    `json:"-"`                 // of its repository, "" if GitHub does not say
	Origin     Origin    `json:"-"`                 // of its jobs, if it was asked for by itself
	CreatedAt  time.Time `json:"created_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"`
}

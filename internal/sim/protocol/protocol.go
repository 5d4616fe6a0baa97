// Package protocol is the protocol between a stand-in runner and the simulated GitHub.
//
// It is not the protocol of GitHub's runner, which is undocumented: a real runner
// cannot connect to the simulator, nor a stand-in to GitHub. Only what a fleet sees is
// alike: a just-in-time config that works once, a session, one job, and a registration
// that is gone afterwards.
package protocol

import (
	"fmt"
	"strings"
	"time"
)

// Prefix begins the path of every address of this protocol, so that none is
// mistaken for GitHub's.
const Prefix = "/_simulated"

// SessionsPath takes a POST of OpenSession. It answers 201 with a Session, 404
// without such a registration, and 409 if its config has been used.
//
// This and the other paths are below Registration.ServerURL, and every request
// carries the registration's secret as its bearer token. Elsewhere 410 means
// that the registration has been deleted, and 404 that the job is no longer
// this runner's.
const SessionsPath = Prefix + "/sessions"

// SessionPath takes a DELETE: the runner goes offline.
func SessionPath(session string) string { return SessionsPath + "/" + session }

// MessagePath takes a GET. It answers 200 with a Message, or 204 after a while
// without one. Asking keeps a session alive, so a runner keeps asking while its
// job runs.
func MessagePath(session string) string { return SessionPath(session) + "/message" }

// JobPath takes a POST about a job: "accept" (no body), "log" (Log), "step"
// (StepResult) or "complete" (Result).
func JobPath(session string, job int64, what string) string {
	return fmt.Sprintf("%s/jobs/%d/%s", SessionPath(session), job, what)
}

// OpenSession introduces a runner.
type OpenSession struct {
	RunnerID int64  `json:"runner_id"`
	OS       string `json:"os"`
	Version  string `json:"version"`
}

// Session is the answer to OpenSession.
type Session struct {
	ID string `json:"id"`
}

// The types of a Message.
const (
	JobMessage    = "job"    // accept it within a minute, or it goes to another runner
	CancelMessage = "cancel" // stop the job that is running
)

// Message is an order to a runner.
type Message struct {
	Type string `json:"type"`
	Job  *Job   `json:"job,omitempty"`
}

// Job is one job to run.
type Job struct {
	ID         int64             `json:"id"`
	RunID      int64             `json:"run_id"`
	RunAttempt int               `json:"run_attempt"`
	Key        string            `json:"key"` // its id in the workflow file
	Name       string            `json:"name"`
	Workflow   string            `json:"workflow"`
	Repository string            `json:"repository"`
	SHA        string            `json:"sha"`
	Ref        string            `json:"ref"`
	ServerURL  string            `json:"server_url"`
	APIURL     string            `json:"api_url"`
	Env        map[string]string `json:"env,omitempty"`
	Steps      []Step            `json:"steps"`
}

// Step is one shell step.
type Step struct {
	Name             string            `json:"name,omitempty"`
	Run              string            `json:"run"`
	Shell            string            `json:"shell,omitempty"` // "bash", "sh", or "" for GitHub's default
	WorkingDirectory string            `json:"working_directory,omitempty"`
	Env              map[string]string `json:"env,omitempty"`
	If               string            `json:"if,omitempty"` // "" or success(), failure(), always()
	ContinueOnError  bool              `json:"continue_on_error,omitempty"`
	Timeout          time.Duration     `json:"timeout,omitempty"` // 0 is none
	// Pre and Post are what an action does before the first step of the job and after the
	// last, whatever became of the others; "" is nothing.
	Pre  string `json:"pre,omitempty"`
	Post string `json:"post,omitempty"`
}

// Title is the step's name, or GitHub's name for a step without one: "Run " and
// the first line of its script.
func (s Step) Title() string {
	if s.Name != "" {
		return s.Name
	}
	first, _, _ := strings.Cut(strings.TrimSpace(s.Run), "\n")
	return "Run " + first
}

// The conclusions of a step or a job.
const (
	Success   = "success"
	Failure   = "failure"
	Cancelled = "cancelled"
	Skipped   = "skipped"
)

// StepResult reports that a step began (no conclusion) or ended.
type StepResult struct {
	Index      int    `json:"index"` // into Job.Steps
	Conclusion string `json:"conclusion,omitempty"`
}

// Log adds lines to the job's log.
type Log struct {
	Lines []string `json:"lines"`
}

// Result ends the job and with it the registration.
type Result struct {
	Conclusion string `json:"conclusion"`
}

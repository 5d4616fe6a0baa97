// Package simgithub is GitHub inside a simulated world: its REST API, its webhooks,
// its job queue and the server's end of its runners, in virtual time.
//
// The surprising fact: GitHub says once that a job is queued, when the job is made.
// Whether a runner may have it, whether one got it, and whether it fell back into the
// queue later are not announced.
package simgithub

import (
	"errors"
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Config is what a GitHub begins with.
type Config struct {
	Repositories []Repository
	Credentials  []Credential
	// HookSecret signs webhooks; without one they are not signed.
	HookSecret string
	// HookURL is where the webhooks are said to go; Deliver is where they do.
	HookURL string
	// RunnerVersion is the newest release of the runner; 2.336.0 if empty.
	RunnerVersion string
	// Patience is when clients give a request up; 15 s if zero, as internal/github's.
	Patience time.Duration
	// Full gives answers and webhooks every field that GitHub's description requires,
	// not only those that the fleet reads. It is for tests of the contract.
	Full bool
}

// Repository is a repository with one webhook for workflow_job.
type Repository struct {
	Name          string // owner/name
	Private, Fork bool
	// MaxParallel bounds the jobs of each workflow run that may run at a time, unless
	// a job's spec says otherwise; 0 is no bound.
	MaxParallel int
}

// Credential is a user or an installation of an app. The limits are the
// credential's, whichever token it has.
type Credential struct {
	Name, Token string
	Limit       int      // requests an hour; 5000 if zero
	Sees        []string // repositories; all if empty
}

// GitHub is one instance. It belongs to the goroutine of its kernel.
type GitHub struct {
	// Deliver sends one attempt of a webhook. It is called as the world; answered may
	// be called once within ten seconds, else the attempt has timed out.
	Deliver func(header http.Header, body []byte, answered func(status int))

	k *kernel.Kernel
}

// New returns a GitHub without jobs.
func New(k *kernel.Kernel, cfg Config) *GitHub { return &GitHub{k: k} }

// RoundTrip answers a request to the REST API in one kernel.Call, whose name is the
// operation's, like github.generate_jitconfig. It makes a GitHub an http.Client's
// Transport.
func (g *GitHub) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, errors.New("not there yet")
}

// Kinds are the faults of GitHub.
var Kinds = []kernel.Kind{}

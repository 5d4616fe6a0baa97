// Package simgithub is GitHub inside a simulated world: its REST API, its webhooks,
// its job queue and the server's end of its runners, in virtual time.
//
// Surprisingly, GitHub says once that a job is queued, when the job is made. It does
// not announce whether a runner may have it, whether one got it, or whether it fell
// back into the queue later.
package simgithub

import (
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Config is what a GitHub begins with.
type Config struct {
	Repositories []Repository
	Credentials  []Credential
	// Organizations are owners whose runners and webhook are those of all their repositories.
	Organizations []string
	// RunnerGroups are the groups that each of them has beside the default one.
	RunnerGroups []string
	// App makes the first credential that of a GitHub App's installation: its tokens last
	// for an hour, and the organization's webhook is the App's.
	App bool
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
	NoStatuses  bool     // it lacks Commit statuses: write
	NoReruns    bool     // it lacks Actions: write
}

// GitHub is one instance. It belongs to the goroutine of its kernel.
type GitHub struct {
	// Deliver sends one attempt of a webhook. It is called as the world; answered may
	// be called once within ten seconds, else the attempt has timed out. With no
	// Deliver every attempt fails to connect.
	Deliver func(header http.Header, body []byte, answered func(status int))

	k   *kernel.Kernel
	cfg Config

	lastID       int64
	requests     uint64
	listing      []byte // the last list
	repositories []*repository
	byName       map[string]*repository // in lower case, former names too
	byID         map[int64]*repository
	credentials  []*credential
	byToken      map[string]*credential
	anonymous    *credential
	releases     map[string]bool

	organizations []*repository
	installation  int64
	app           *credential
	expires       map[string]time.Time // of tokens

	runs    map[int64]*run
	jobs    []*job // oldest first
	jobByID map[int64]*job
	ended   int // jobs
	groups  map[group]*groupState
	configs map[string]*runner // by encoded JIT config
	count   DeliveryCount

	statuses []Status
	reruns   []Rerun

	copies map[*repository]*repository // where names are copied to, by where they come from
}

// firstID makes ids like GitHub's, which need more than 32 bits.
const firstID = 14_500_000_000

// New returns a GitHub without jobs.
func New(k *kernel.Kernel, cfg Config) *GitHub {
	if cfg.RunnerVersion == "" {
		cfg.RunnerVersion = "2.336.0"
	}
	if cfg.Patience == 0 {
		cfg.Patience = 15 * time.Second
	}
	g := &GitHub{
		k: k, cfg: cfg, lastID: firstID,
		byName: map[string]*repository{}, byID: map[int64]*repository{}, byToken: map[string]*credential{},
		anonymous: newCredential(Credential{Name: "anonymous", Limit: anonymousLimit}, nil),
		releases:  map[string]bool{cfg.RunnerVersion: true},
		runs:      map[int64]*run{}, jobByID: map[int64]*job{}, groups: map[group]*groupState{}, configs: map[string]*runner{},
		expires: map[string]time.Time{}, copies: map[*repository]*repository{},
	}
	for _, r := range cfg.Repositories {
		g.addRepository(r)
	}
	for _, name := range cfg.Organizations {
		g.addOrganization(name)
	}
	if cfg.App {
		g.installation, g.app = g.newID(), newCredential(Credential{Name: "app", Limit: 1 << 30}, nil)
	}
	for _, c := range cfg.Credentials {
		var sees map[int64]bool
		for _, name := range c.Sees {
			if sees == nil {
				sees = map[int64]bool{}
			}
			sees[g.repository(name).id] = true
		}
		one := newCredential(c, sees)
		g.credentials = append(g.credentials, one)
		g.byToken[c.Token] = one
	}
	return g
}

// ReleaseRunner publishes a version of the runner, which is the newest from now on.
func (g *GitHub) ReleaseRunner(version string) {
	g.cfg.RunnerVersion = version
	g.releases[version] = true
	g.k.Log("GitHub releases runner %s", version)
}

func (g *GitHub) newID() int64 {
	g.lastID++
	return g.lastID
}

// randomHex is 2n hexadecimal digits.
func (g *GitHub) randomHex(stream string, n int) string {
	b := make([]byte, 0, n+6)
	for len(b) < n {
		x := uint64(g.k.Random(stream) * (1 << 48))
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40))
	}
	return hex.EncodeToString(b[:n])
}

// uuid is like the GUID of a delivery.
func (g *GitHub) uuid() string {
	h := g.randomHex("github.uuid", 16)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

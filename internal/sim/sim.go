// Package sim is a simulated GitHub: the REST endpoints, webhooks and job
// queue that a fleet of ephemeral runners sees, as one http.Handler.
//
// Like GitHub, it never asks for whom a runner was launched. The oldest queued
// job goes to any online, idle runner that has all of its labels, so a fleet
// that starts one runner per job sees jobs and runners cross.
//
// Runners are stand-ins (package standin); they speak package protocol, which is not
// GitHub's. Everything that a person may see says that it is a simulation.
//
// To inject REST faults, wrap the handler; to lose, repeat or reorder webhooks,
// set Config.Deliver.
package sim

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// GitHub's time limits.
// https://docs.github.com/actions/reference/limits and the reference of
// self-hosted runners.
const (
	acceptLimit   = time.Minute    // for a runner to take the job it was given
	queueLimit    = 24 * time.Hour // for a job to wait for a runner
	offlineLimit  = 24 * time.Hour // for an ephemeral registration without a session
	cancelLimit   = 5 * time.Minute
	deliveryLimit = 10 * time.Second
)

// Config describes a simulated GitHub with one repository. Only Repository and
// Token, or App, are required.
type Config struct {
	Repository string // "owner/name"
	Private    bool
	Archived   bool
	FormerName string // "owner/name", from which requests are redirected; "" if it never had another
	Token      string // the personal access token that the REST API accepts; "" if there is an App
	App        *App   // that is installed for the repository's owner; nil is none
	NewApps    bool   // people may make one on its pages, if there is none
	NoStatuses bool   // the token lacks Commit statuses: write

	// Permissions are those of Token, a fine-grained one, as "actions": "read"; nil are all.
	// Scopes make it a classic one instead.
	Permissions  map[string]string
	Scopes       []string
	TokenExpires time.Time // zero if it does not

	// RunnerGroups are the organization's groups of runners beside its default one, and the
	// enterprise's; all are open to the repository.
	RunnerGroups []string
	Enterprise   string // that the organization is of; "" is none

	// URL is the address of this server, for the links in its answers. Without it they
	// lead nowhere.
	URL string
	// RunnerURL is the address of this server for runners, if it differs from the one
	// at which the JIT config was requested.
	RunnerURL string

	WebhookURL string // "" sends no webhooks
	// HookOfOrganization says that the webhook is the organization's.
	HookOfOrganization bool
	WebhookSecret      string // "" sends them unsigned
	Hook               Hook   // how else the webhook is set
	// Deliver may drop, repeat, hold back or change a webhook before it is
	// sent: the deliveries it returns are sent in that order. It is called
	// from one goroutine.
	Deliver func(Delivery) []Delivery
	// Transport carries the webhooks; nil is http.DefaultTransport.
	Transport http.RoundTripper

	FirstID   int64         // default 20000000001, beyond 32 bits
	LostAfter time.Duration // silence that ends a session, default 60 s
	PollFor   time.Duration // how long a runner's question waits, default 25 s
	RateLimit int           // requests per hour, default 5000
	// PointsPerMinute is the secondary limit: a GET costs 1, anything else 5. On
	// GitHub it is 900; 0 is no limit.
	PointsPerMinute int
	RunnerVersion   string // the newest runner, default 2.336.0
	// RunnerArchives are what is downloaded as the runner, by architecture (x64,
	// arm64): gzipped tar archives. Without one its download is not found.
	RunnerArchives map[string][]byte

	Clock Clock     // nil is the wall clock
	Rand  io.Reader // of secrets and unique ids; nil is crypto/rand
}

// Hook is how a webhook is set. The zero value is a good one.
type Hook struct {
	Inactive    bool     // it sends nothing
	Events      []string // none are workflow_job alone; "*" is all
	ContentType string   // json, the default here, or form, GitHub's own: only shown, what is sent is JSON
	InsecureSSL bool
}

// Server is a simulated GitHub. Its methods are safe for concurrent use.
type Server struct {
	cfg   Config
	clock Clock
	mux   *http.ServeMux
	repo  repository
	hook  hook
	app   *installedApp // nil is none

	closing  sync.Once
	done     chan struct{} // closed by Close
	mail     chan struct{} // wakes the sender: the outbox has something
	sending  sync.WaitGroup
	stopSend context.CancelFunc

	mu         sync.Mutex
	lastID     int64
	jobs       []*job // by id
	queue      []*job // those that wait for a runner, by id
	runners    []*runner
	sessions   map[string]*session
	parked     []*session // those that wait for a message, longest first
	outbox     []Delivery
	unsent     int // deliveries in the outbox or on their way
	deliveries []Delivery
	statuses   []CommitStatus
	checks     []CheckRun
	newApp     newApp // the last one that was made on the pages
	budget     budget
	points     points
	changed    chan struct{}
}

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)

// New returns a simulated GitHub. The caller serves it, and closes it after the
// last request.
func New(cfg Config) (*Server, error) {
	if !repositoryName.MatchString(cfg.Repository) {
		return nil, fmt.Errorf("simulated GitHub: repository %q is not owner/name", cfg.Repository)
	}
	if cfg.Token == "" && cfg.App == nil && !cfg.NewApps {
		return nil, errors.New("simulated GitHub: no token is set")
	}
	setDefault(&cfg.URL, "http://github.invalid")
	setDefault(&cfg.FirstID, 20_000_000_001)
	setDefault(&cfg.LostAfter, time.Minute)
	setDefault(&cfg.PollFor, 25*time.Second)
	setDefault(&cfg.RateLimit, 5000)
	setDefault(&cfg.RunnerVersion, "2.336.0")
	if cfg.Clock == nil {
		cfg.Clock = WallClock{}
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	cfg.RunnerURL = strings.TrimSuffix(cfg.RunnerURL, "/")

	owner, name, _ := strings.Cut(cfg.Repository, "/")
	s := &Server{
		cfg:      cfg,
		clock:    cfg.Clock,
		lastID:   cfg.FirstID - 1,
		sessions: map[string]*session{},
		done:     make(chan struct{}),
		mail:     make(chan struct{}, 1),
		changed:  make(chan struct{}),
	}
	s.repo = repository{id: s.newID(), ownerID: s.newID(), owner: owner, name: name, created: s.now()}
	s.hook = hook{id: s.newID(), created: s.now(), ofOrganization: cfg.HookOfOrganization}
	if cfg.App != nil {
		s.app = newInstalledApp(*cfg.App, s.newID())
	}
	if cfg.FormerName != "" && !repositoryName.MatchString(cfg.FormerName) {
		return nil, fmt.Errorf("simulated GitHub: former name %q is not owner/name", cfg.FormerName)
	}
	s.mux = s.routes()

	ctx, cancel := context.WithCancel(context.Background())
	s.stopSend = cancel
	s.sending.Go(func() { s.send(ctx) })
	return s, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Close ends every waiting request and drops the webhooks that were not sent. The state
// can still be read.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.done)
		s.stopSend()
	})
	s.sending.Wait()
}

// Changed returns a channel that is closed at the next change of a job, a
// runner or a delivery.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Wait returns nil once the condition holds, which it checks now and after
// every change.
func (s *Server) Wait(ctx context.Context, holds func() bool) error {
	for {
		changed := s.Changed()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return errors.New("simulated GitHub: closed while waiting")
		}
	}
}

// WaitAll waits until every job is completed and every webhook about them has
// been answered or has failed.
func (s *Server) WaitAll(ctx context.Context) error {
	return s.Wait(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, j := range s.jobs {
			if j.status != statusCompleted {
				return false
			}
		}
		return s.unsent == 0
	})
}

// NewRun reserves the id of a workflow run, for jobs that belong together.
func (s *Server) NewRun() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newID()
}

// The unexported methods of Server are called with s.mu held, except for HTTP
// handlers and those that say otherwise.

func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// newID counts across all kinds of things, so that no run id is also a job id.
func (s *Server) newID() int64 {
	s.lastID++
	return s.lastID
}

func (s *Server) now() time.Time { return s.clock.Now().UTC() }

func (s *Server) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.cfg.Rand, b); err != nil {
		panic(fmt.Sprintf("simulated GitHub: read random bytes: %v", err))
	}
	return b
}

func (s *Server) secret() string { return base64.RawURLEncoding.EncodeToString(s.random(32)) }

func (s *Server) uuid() string {
	b := s.random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// Package local is a whole fleet in one process, with nothing but Go installed:
// the state machine that is deployed to AWS, with the same steps, on a local
// engine, a SQLite file, an in-process bus and one HTTP server. Runners are
// containers of images that a container engine on the machine builds, or without one
// plain processes.
//
// Plain processes are not isolated from each other or from the machine: they are
// for repositories whose workflows one would run on the machine oneself.
package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/instruments"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Config is what a fleet on one machine is made of.
type Config struct {
	Policy         fleet.Policy
	GitHubURL      string
	GitHubCA       string // authorities that are trusted beside the public ones, in PEM
	Credential     github.Credential
	WebhookSecrets func(context.Context) ([]string, error)

	DataDir string
	Listen  string // host:port; port 0 takes a free one
	// APIListen is where the records are served as JSON; "" is 127.0.0.1 and the port
	// after Listen's.
	APIListen string

	// Containers is how runners are run as containers; nil runs them as processes, by
	// the four settings that follow.
	Containers *Containers
	// Tasks runs the tasks in place of both; measurements set it.
	Tasks         task.Runner
	Entrypoint    []string // command that claims and then runs RunnerCommand
	RunnerCommand []string
	RunnerDir     string   // optional: laid into each runner's work directory
	RunnerEnv     []string // NAME=value for the runners, beside PATH and the like

	StopGrace time.Duration

	// Unpaced starts more than fleet.MostStarts runners in a minute, for measurements: a
	// simulated GitHub need not limit its requests.
	Unpaced bool

	// KeepFree is how many bytes stay free on the disks that tasks write to: with less,
	// no task starts. 0 is no limit.
	KeepFree uint64

	// ImagesByName accepts image: labels although processes have no images. Only
	// demonstrations want that.
	ImagesByName bool

	// buildsOn makes a fleet of processes build images as a fleet of containers does.
	// Tests set it, because they have no engine.
	buildsOn   builderEngine
	pullPauses []time.Duration // between pulls; nil are the builder's own

	KeepRecords time.Duration // of runs that are over; 0 keeps them for ever
	KeepLogs    time.Duration // of runners and builds; 0 keeps them for ever

	SweepEvery time.Duration // by default a minute
	SweepGrace time.Duration // what the ordinary way may take; by default a minute

	Version string // of this program

	// ExportMetrics sends the metrics to the OpenTelemetry receiver that the environment names.
	ExportMetrics bool
	// StoreToken and ReadSecret are for people; see doctor.Setup.
	StoreToken, ReadSecret string

	Log *slog.Logger
	// Observe gets all changes to records after they were written, and an empty change
	// at the end of an execution or sweep. It may be nil. It must not block.
	Observe func(fleet.Changes)
}

// noImages is why a fleet of plain processes refuses image: labels.
const noImages = "this one-machine fleet runs jobs as plain processes, which have no images: start it where Docker or Podman runs, or use a fleet on AWS"

// Fleet is a running fleet.
type Fleet struct {
	cfg       Config
	lock      *os.File
	store     *sqlite.Store
	engine    *engine.Engine
	bus       *bus
	platform  *platform
	builder   *imageBuilder // nil where no images are built
	claims    *claimServer  // for containers; nil without them
	sweeper   *sweeper
	sweeps    atomic.Int64
	lifecycle lifecycle.Fleet
	github    github.ForFleet
	claim     claim.Handler
	listener  net.Listener
	server    *http.Server
	apiAt     net.Listener
	apiServer *http.Server
	troubles  troubles
	control   *control.Server
	measured  *instruments.Instruments
	exported  func(context.Context) error // stops the export; nil without one
	stopping  atomic.Bool
	startedAt time.Time
	stopped   chan struct{} // signals that a task has stopped
	ended     chan struct{} // signals that an execution has ended
}

// ListenError says that an address cannot be served, most often because it is in use.
type ListenError struct {
	Flag, Address string // which one
	Err           error
}

func (e ListenError) Error() string { return e.Err.Error() } // names the address
func (e ListenError) Unwrap() error { return e.Err }

// WrongFleet says that a data directory has the records of another fleet.
type WrongFleet struct{ Dir, Has, Asked string }

func (w WrongFleet) Error() string {
	return fmt.Sprintf("data directory %s belongs to fleet %q, and the configuration is of fleet %q: name another directory, or write fleet_name: %s", w.Dir, w.Has, w.Asked, w.Has)
}

// Start starts a fleet and takes up what an earlier process left open in the data
// directory. It fails with datadir.InUse if another process serves the directory, with
// datadir.Foreign if it is no fleet's, with WrongFleet if it is another fleet's, and with
// ListenError if an address cannot be served.
func Start(ctx context.Context, cfg Config) (_ *Fleet, err error) {
	f := &Fleet{cfg: cfg, startedAt: time.Now().UTC(), stopped: make(chan struct{}, 1), ended: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			f.release()
		}
	}()
	switch {
	case cfg.Containers != nil || cfg.buildsOn != nil:
		f.cfg.Policy.NoOnDemandImages = "" // no project of AWS is needed here
	case !cfg.ImagesByName:
		f.cfg.Policy.NoImages = noImages
	}
	if err := datadir.Make(cfg.DataDir); err != nil {
		return nil, err
	}
	if f.lock, err = datadir.Lock(cfg.DataDir); err != nil {
		return nil, err
	}
	if f.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, ListenError{Flag: "--listen", Address: cfg.Listen, Err: err}
	}
	api, err := f.apiAddress()
	if err != nil {
		return nil, err
	}
	if f.apiAt, err = net.Listen("tcp", api); err != nil {
		return nil, ListenError{Flag: "--api-listen", Address: api, Err: err}
	}
	if f.store, err = sqlite.Open(ctx, filepath.Join(cfg.DataDir, sqlite.FileName)); err != nil {
		return nil, err
	}
	if err := f.checkFleet(ctx); err != nil {
		return nil, err
	}
	f.measured = instruments.New(cfg.Policy.FleetName, cfg.Log, f.measureLevels)
	f.store.OnWrite(func(err error) { f.troubles.note(&f.troubles.write, err) })
	if err := f.wire(ctx); err != nil {
		return nil, err
	}
	if f.control, err = control.Serve(cfg.DataDir, f.operator(), f.Health, f.Doctor); err != nil {
		return nil, err
	}
	if err := f.store.PutSettings(ctx, f.settings()); err != nil {
		return nil, err
	}
	if err := f.takeUp(ctx); err != nil {
		return nil, err
	}
	if cfg.ExportMetrics {
		if f.exported, err = f.measured.Export(ctx, cfg.Version); err != nil {
			return nil, err
		}
	}
	f.server = newServer(f.routes(), cfg.Log)
	go f.serve(f.server, bound(f.listener, mostConnections, 0))
	f.apiServer = newServer(f.api(), cfg.Log)
	go f.serve(f.apiServer, bound(f.apiAt, mostConnections, 0))
	f.sweeper = f.startSweeper()
	f.sweeper.Hurry() // a bad token shows, jobs that wait are found, and images are built, at once
	return f, nil
}

// checkFleet refuses the records of another fleet: its open runners would hold their
// places for ever.
func (f *Fleet) checkFleet(ctx context.Context) error {
	settings, err := f.store.Settings(ctx)
	if err != nil {
		return err
	}
	if has, asked := settings.FleetName, f.cfg.Policy.FleetName; has != "" && has != asked {
		return WrongFleet{Dir: f.cfg.DataDir, Has: has, Asked: asked}
	}
	return nil
}

func (f *Fleet) serve(server *http.Server, listener net.Listener) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		f.cfg.Log.Error("the HTTP server ended", "error", err.Error())
	}
}

// wire connects the parts: everything below is the same code as on AWS but for
// what this package puts in AWS's place.
func (f *Fleet) wire(ctx context.Context) error {
	key, err := claimKey(f.cfg.DataDir)
	if err != nil {
		return err
	}
	base, err := github.APIBase(f.cfg.GitHubURL)
	if err != nil {
		return err
	}
	client, err := github.HTTPClient(20*time.Second, f.cfg.GitHubCA)
	if err != nil {
		return err
	}
	gh := github.NewForFleet(base, f.cfg.Credential, client)
	gh.Client.Shared = f.store
	gh.Scope = github.Scope{Place: f.cfg.Policy.SharedPlace(), Group: f.cfg.Policy.RunnerGroup}
	f.github = gh
	if err := f.startPlatform(ctx); err != nil {
		return err
	}
	machine, err := loadMachine()
	if err != nil {
		return err
	}
	f.lifecycle = lifecycle.Of(f.cfg.Policy)
	f.lifecycle.Records, f.lifecycle.Executions, f.lifecycle.GitHub, f.lifecycle.Tasks = f.records(), gate{fleet: f}, gh, f.platform
	f.lifecycle.Now, f.lifecycle.Log = time.Now, f.cfg.Log
	f.claim = claim.Handler{
		Fleet: f.lifecycle, GitHub: gh, Keys: [][]byte{key}, Log: f.cfg.Log, GitHubCA: f.cfg.GitHubCA, Enforce: f.cfg.Policy.EnforcePolicy, Metrics: f.measured,
		Judge: claim.Judge{
			Policy: func(context.Context) (fleet.Policy, error) { return f.cfg.Policy, nil },
			GitHub: gh, Cursors: f.store, Bus: later{f}, NewID: rand.Text,
		},
	}
	if !f.cfg.Policy.NoJobLog {
		f.claim.JobLog = claim.JobLog(flagsOf(f.cfg.DataDir), nil)
	}
	if f.claims != nil {
		if f.claims.containers != nil {
			f.claim.Containers = f.claims.containers
		}
		f.claims.start(f.claim, f.cfg.Log)
	}
	dispatcher := dispatch.Handler{Fleet: f.lifecycle, Images: f.images(), Cursors: f.store, Policy: f.cfg.Policy}
	f.bus = newBus(dispatcher.Handle, f.cfg.Log)
	functions := f.steps(key)
	f.engine, err = engine.New(engine.Config{
		Machine: machine,
		Name:    f.cfg.Policy.FleetName,
		Store:   f.store.Executions(),
		Logger:  f.cfg.Log,
		OnEnd:   f.executionEnded,
		Invoke: func(ctx context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
			return functions[arn](ctx, payload)
		},
	})
	return err
}

// steps are the functions that the state machine calls, by their names in it.
func (f *Fleet) steps(key []byte) map[string]function {
	return map[string]function{
		arnPrefix + "Validate":               step(validate.Step{Fleet: f.lifecycle, Policy: f.cfg.Policy, Budgets: f.github, Access: f.github, Images: f.resolveImage(), Definitions: f.store}.Run),
		arnPrefix + "ResolveImage":           step(f.resolveImage().Run),
		arnPrefix + "BuildImage":             step(f.buildImage().Run),
		arnPrefix + "RegisterTaskDefinition": step(registertaskdefinition.Step{Fleet: f.lifecycle, Definitions: f.store}.Run),
		arnPrefix + "RunTask":                step(runtask.Step{Fleet: f.lifecycle, Launcher: f.platform, ClaimURL: f.claimURL(), ClaimKey: key}.Run),
		arnPrefix + "InspectRunner":          step(inspectrunner.Step{Fleet: f.lifecycle, Budgets: f.github, Platform: f.platform}.Run),
		arnPrefix + "RecordStatus":           step(recordstatus.Step{Fleet: f.lifecycle, Images: f.images(), Notices: f.notices(), Bus: f.bus, NewID: rand.Text, Metrics: f.measured}.Run),
	}
}

// later is the bus, which is made after what puts events on it.
type later struct{ fleet *Fleet }

func (l later) Put(ctx context.Context, event fleet.Event) error { return l.fleet.bus.Put(ctx, event) }

// notices show refusals on GitHub.
func (f *Fleet) notices() lifecycle.Notices {
	return lifecycle.Notices{GitHub: f.github, Cursors: f.store, URL: f.cfg.Policy.RefusalURL}
}

func (f *Fleet) resolveImage() resolveimage.Step {
	resolve := resolveimage.Step{Images: f.images(), Now: time.Now}
	if f.builder != nil {
		resolve.Registry = f.builder
	}
	return resolve
}

func (f *Fleet) buildImage() buildimage.Step {
	build := buildimage.Step{
		Counts: f.store, OnDemandBuilds: f.cfg.Policy.OnDemandBuilds, BuildsOfRules: f.cfg.Policy.BuildsOfRules(),
		Fleet: f.lifecycle, Images: f.images(), Builder: byName{put: f.bus.Put, now: time.Now, newID: rand.Text},
	}
	if f.builder != nil {
		build.Builder = f.builder
	}
	return build
}

// gate starts no executions while the fleet stops: the next process starts them, since
// it finds the open runner without an execution.
type gate struct{ fleet *Fleet }

func (g gate) Start(ctx context.Context, name string, input []byte) error {
	if g.fleet.stopping.Load() {
		return nil
	}
	return executions{g.fleet.engine}.Start(ctx, name, input)
}

func (g gate) Succeed(ctx context.Context, token string, output []byte) error {
	return executions{g.fleet.engine}.Succeed(ctx, token, output)
}

func (g gate) Fail(ctx context.Context, token, name, cause string) error {
	return executions{g.fleet.engine}.Fail(ctx, token, name, cause)
}

func (g gate) Heartbeat(ctx context.Context, token string) error {
	return executions{g.fleet.engine}.Heartbeat(ctx, token)
}

// taskChanged puts a change of a runner's task on the bus.
func (f *Fleet) taskChanged(task fleet.Task) {
	f.put(fleet.TaskEvent, task)
	if task.LastStatus == fleet.TaskStopped {
		ping(f.stopped)
	}
}

// ping wakes the waiting goroutine, unless it is about to wake already.
func ping(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// executionEnded informs dispatch of an execution that ended badly.
func (f *Fleet) executionEnded(e engine.Execution) {
	ping(f.ended)
	f.observe()
	if e.Status != engine.Succeeded {
		f.put(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: e.Name, Status: string(e.Status), Error: e.Error, Cause: e.Cause})
	}
}

func (f *Fleet) put(detailType string, detail any) {
	raw, err := json.Marshal(detail)
	if err == nil {
		err = f.bus.Put(context.Background(), fleet.Event{ID: rand.Text(), Source: fleet.LocalSource, DetailType: detailType, Time: time.Now(), Detail: raw})
	}
	if err != nil {
		f.cfg.Log.Error("event lost", "detail_type", detailType, "error", err.Error())
	}
}

func (f *Fleet) settings() report.Settings {
	p := f.cfg.Policy
	engine := "process"
	if f.cfg.Containers != nil {
		engine = "container"
	}
	return report.Settings{
		FleetName: p.FleetName, Repositories: p.Repositories, Organization: p.Organization, GitHubURL: f.cfg.GitHubURL, MaxRunners: p.MaxRunners, DefaultClass: p.DefaultClass,
		ClassSizes: p.Classes, Listen: f.Addr(), APIListen: f.apiAt.Addr().String(), Engine: engine, StartedAt: f.startedAt, Version: f.cfg.Version, Policy: &p,
	}
}

// Addr is the address that the fleet listens on.
func (f *Fleet) Addr() string { return f.listener.Addr().String() }

// APIURL is where a person on this machine reads the records.
func (f *Fleet) APIURL() string { return urlOf(f.apiAt.Addr().String()) }

// URL is where a process on this machine reaches the fleet.
func (f *Fleet) URL() string { return urlOf(f.Addr()) }

func urlOf(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Source is where the fleet's records are read.
func (f *Fleet) Source() report.Source { return f.store }

// webhook is the webhook function behind this fleet's server.
func (f *Fleet) webhook() webhook.Handler {
	return webhook.Handler{Secrets: secrets(f.cfg.WebhookSecrets), Records: f.store, Bus: f.bus, Policy: f.cfg.Policy, Now: time.Now, NewID: rand.Text, Log: f.cfg.Log, Metrics: f.measured}
}

type secrets func(context.Context) ([]string, error)

func (s secrets) WebhookSecrets(ctx context.Context) ([]string, error) { return s(ctx) }

// plainPath is one that no shell reads anything into.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-]+$`)

// flagsOf are how commands find the fleet of a data directory, "" if its path cannot be typed
// as it is.
func flagsOf(dir string) string {
	path, err := filepath.Abs(dir)
	if err != nil || !plainPath.MatchString(path) {
		return ""
	}
	return " --data-dir " + path
}

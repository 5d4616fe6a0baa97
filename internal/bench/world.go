package bench

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

const fleetName = "bench"

// world is a fleet, and the process of the stand-ins that it serves.
type world struct {
	cfg   Config
	fleet *local.Fleet
	tasks *tasks
	watch *watch
	log   *counted
	load  string

	standIns *exec.Cmd
	orders   io.WriteCloser
	writing  sync.Mutex
	url      string      // of the simulated GitHub
	reports  chan told   // answers to orders
	gone     chan string // the stand-ins ended, and why
}

func open(ctx context.Context, cfg Config) (_ *world, err error) {
	w := &world{cfg: cfg, watch: newWatch(), reports: make(chan told, 1), gone: make(chan string, 1)}
	w.tasks = newTasks(w.order)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(ctx))
		}
	}()
	if err := w.startStandIns(); err != nil {
		return nil, err
	}
	token, secret := rand.Text(), rand.Text()
	if err := w.startFleet(ctx, token, secret); err != nil {
		return nil, err
	}
	w.order(order{Open: &opening{Token: token, Secret: secret, Webhook: w.fleet.URL() + "/webhook", JobTime: int64(w.cfg.JobTime)}})
	return w, nil
}

func (w *world) startStandIns() error {
	w.standIns = exec.Command(w.cfg.StandIns[0], w.cfg.StandIns[1:]...)
	w.standIns.Stderr = os.Stderr
	in, err := w.standIns.StdinPipe()
	if err != nil {
		return err
	}
	out, err := w.standIns.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.standIns.Start(); err != nil {
		w.standIns = nil
		return fmt.Errorf("start the process of the stand-ins: %w", err)
	}
	w.orders = in
	lines := json.NewDecoder(bufio.NewReader(out))
	var first news
	if err := lines.Decode(&first); err != nil || first.URL == "" {
		return fmt.Errorf("the process of the stand-ins does not say where its GitHub is: %v", err)
	}
	w.url = first.URL
	go w.listen(lines)
	return nil
}

// listen takes the news of the stand-ins until they end.
func (w *world) listen(lines *json.Decoder) {
	for {
		var n news
		if err := lines.Decode(&n); err != nil {
			w.gone <- err.Error()
			return
		}
		switch {
		case n.Sent != nil:
			w.watch.sent(*n.Sent)
		case n.Ended != nil:
			w.tasks.exited(*n.Ended)
			switch n.Ended.Code {
			case 0:
			case fleet.ExitClaimGone, standin.ExitTerminated: // another runner had taken its job
				w.watch.late()
			default:
				w.watch.failed(fmt.Sprintf("runner %s ended with exit code %d", n.Ended.ID, n.Ended.Code))
			}
		case n.Report != nil:
			w.reports <- *n.Report
		}
	}
}

// order writes an order. If the stand-ins are gone, listen says so.
func (w *world) order(o order) {
	line, err := json.Marshal(o)
	if err != nil {
		panic(err) // texts and numbers
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	_, _ = w.orders.Write(append(line, '\n'))
}

func (w *world) startFleet(ctx context.Context, token, secret string) (err error) {
	file, err := os.OpenFile(filepath.Join(w.cfg.Dir, "fleet.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	w.log = &counted{Handler: slog.NewTextHandler(file, nil), tally: &tally{}}
	arch := fleet.X64
	if runtime.GOARCH == "arm64" {
		arch = fleet.ARM64
	}
	w.fleet, err = local.Start(ctx, local.Config{
		Policy: fleet.Policy{
			FleetName: fleetName, Repositories: []string{repository}, DefaultClass: "small", BaseImage: "base",
			Classes:    map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: arch}},
			Registries: fleet.DefaultRegistries, MaxRunners: 2 * max(w.cfg.Concurrency, leastLive), Limits: fleet.DefaultLimits(),
		},
		GitHubURL:      w.url,
		Credential:     github.PAT(func(context.Context) (string, error) { return token, nil }),
		WebhookSecrets: func(context.Context) ([]string, error) { return []string{secret}, nil },
		DataDir:        w.cfg.Dir, Listen: "127.0.0.1:0", APIListen: "127.0.0.1:0",
		Tasks: w.tasks, StopGrace: stopGrace, ImagesByName: true, Unpaced: true,
		Log: slog.New(w.log), Observe: w.watch.observe,
	})
	return err
}

// close stops both.
func (w *world) close(ctx context.Context) (err error) {
	if w.orders != nil {
		w.order(order{Release: true})
	}
	if w.fleet != nil {
		limited, cancel := context.WithTimeout(ctx, stopGrace)
		defer cancel()
		err = w.fleet.Stop(limited)
	}
	if w.standIns == nil {
		return err
	}
	kill := time.AfterFunc(stopGrace, func() { _ = w.standIns.Process.Kill() })
	defer kill.Stop()
	return errors.Join(err, w.orders.Close(), w.standIns.Wait())
}

// report asks the stand-ins what they have counted.
func (w *world) report(ctx context.Context) (told, error) {
	w.order(order{Report: true})
	select {
	case t := <-w.reports:
		return t, nil
	case why := <-w.gone:
		return told{}, fmt.Errorf("the process of the stand-ins ended: %s", why)
	case <-ctx.Done():
		return told{}, context.Cause(ctx)
	}
}

// database is the file of the records.
func (w *world) database() string { return filepath.Join(w.cfg.Dir, sqlite.FileName) }

// counted is a log that counts what is wrong.
type counted struct {
	slog.Handler
	*tally
}

type tally struct {
	mu               sync.Mutex
	errors, warnings int
	first            string // error
}

func (c *counted) Handle(ctx context.Context, r slog.Record) error {
	c.mu.Lock()
	switch {
	case r.Level >= slog.LevelError:
		if c.errors++; c.first == "" {
			c.first = line(r)
		}
	case r.Level >= slog.LevelWarn:
		c.warnings++
	}
	c.mu.Unlock()
	return c.Handler.Handle(ctx, r)
}

func (c *counted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &counted{c.Handler.WithAttrs(attrs), c.tally}
}

func (c *counted) WithGroup(name string) slog.Handler {
	return &counted{c.Handler.WithGroup(name), c.tally}
}

// line is a log record in a line.
func line(r slog.Record) string {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	return text
}

// so is what there is at a moment.
func (c *tally) so() (errors, warnings int, first string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errors, c.warnings, c.first
}

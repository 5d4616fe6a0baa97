package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// changing is a fleet whose records report whether they have changed.
type changing struct {
	empty
	mu       sync.Mutex
	version  int64
	capacity fleet.Capacity
	looks    int // at the version
	reads    int // of the records
}

func (c *changing) DataVersion(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return c.version, nil
}

func (c *changing) Capacity(context.Context) (fleet.Capacity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	return c.capacity, c.failed
}

func (c *changing) change(do func(*changing)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c)
	c.version++
}

func (c *changing) counts() (looks, reads int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks, c.reads
}

// browser is a viewer that notes the events of a stream.
type browser struct {
	http.ResponseWriter
	mu     sync.Mutex
	events []string // as "name id"
	last   map[string]string
}

func (b *browser) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name, data, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(text)), "event: "), "\ndata: ")
	if !ok {
		return len(text), nil
	}
	var of struct{ ID, HTML, Says string }
	if name == "region" || name == "lost" {
		if err := json.Unmarshal([]byte(data), &of); err != nil {
			return 0, err
		}
		b.last[of.ID] = of.HTML
	}
	if name != "now" {
		b.events = append(b.events, strings.TrimSpace(name+" "+of.ID+of.Says))
	}
	return len(text), nil
}

func (b *browser) Flush()                           {}
func (b *browser) SetReadDeadline(time.Time) error  { return nil }
func (b *browser) SetWriteDeadline(time.Time) error { return nil }
func (b *browser) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// view opens a page's stream until the returned function is called.
func view(t *testing.T, c *Console, at string) (*browser, func()) {
	b := &browser{ResponseWriter: httptest.NewRecorder(), last: map[string]string{}}
	ctx, leave := context.WithCancel(t.Context())
	var gone sync.WaitGroup
	gone.Go(func() {
		c.ServeHTTP(b, httptest.NewRequestWithContext(ctx, http.MethodGet, "/live?"+url.Values{"at": {at}}.Encode(), nil))
	})
	synctest.Wait()
	return b, func() { leave(); gone.Wait() }
}

func later(d time.Duration) {
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
}

func newChanging() (*changing, *Console) {
	records := &changing{}
	records.settings = report.Settings{FleetName: "fleet", MaxRunners: 5}
	return records, New(Options{Records: records, Zone: time.UTC})
}

func TestAPageHearsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records, c := newChanging()
		b, leave := view(t, c, "/")
		if got := b.heard(); len(got) < 5 {
			t.Fatalf("at first it hears of all regions, not of %v", got)
		}
		later(5 * time.Second)
		if got := b.heard(); got != nil {
			t.Errorf("nothing has changed, and it hears %v", got)
		}
		records.change(func(c *changing) { c.capacity.Open = 3 })
		later(2 * time.Second)
		if diff := cmp.Diff([]string{"region figures", "region budget"}, b.heard()); diff != "" {
			t.Errorf("after a change, -want +got:\n%s", diff)
		}
		if !strings.Contains(b.last["figures"], ">3<") {
			t.Errorf("the region has no 3: %s", b.last["figures"])
		}
		later(2 * time.Minute)
		for _, event := range b.heard() {
			if event != "alive" {
				t.Errorf("as time passes it hears %s", event)
			}
		}
		leave()
	})
}

func TestAPageHearsThatTheRecordsAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records, c := newChanging()
		b, leave := view(t, c, "/")
		b.heard()
		records.change(func(c *changing) { c.failed = errors.New("no disk") })
		later(2 * time.Second)
		if diff := cmp.Diff([]string{"lost The records do not answer. What is shown is as it was."}, b.heard()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		records.change(func(c *changing) { c.failed = nil })
		later(2 * time.Second)
		if diff := cmp.Diff([]string{"lost"}, b.heard()); diff != "" {
			t.Errorf("afterwards, -want +got:\n%s", diff)
		}
		leave()
	})
}

// Whether one looks or ten, the records are read once.
func TestViewersShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records, c := newChanging()
		var leave []func()
		for range 10 {
			_, gone := view(t, c, "/")
			leave = append(leave, gone)
		}
		if _, reads := records.counts(); reads != 1 {
			t.Errorf("ten viewers cost %d reads", reads)
		}
		records.change(func(c *changing) { c.capacity.Open = 1 })
		later(2 * time.Second)
		if _, reads := records.counts(); reads != 2 {
			t.Errorf("a change costs ten viewers %d reads", reads-1)
		}
		for _, gone := range leave {
			gone()
		}
		looks, _ := records.counts()
		later(time.Minute)
		if now, _ := records.counts(); now != looks {
			t.Errorf("nobody looks on, and the records were asked %d times", now-looks)
		}
	})
}

func TestAStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		records := &changing{}
		c := New(Options{Records: records, Zone: time.UTC, Done: done})
		_, leave := view(t, c, "/runs")
		close(done)
		synctest.Wait()
		if c.live.viewers != 0 {
			t.Error("the console has ended, and a stream goes on")
		}
		leave()
	})
}

func TestViewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newChanging()
		c.live.viewers = mostViewers
		if status, body := get(t, c, "/live?at=/"); status != http.StatusServiceUnavailable {
			t.Errorf("one more gets %d: %s", status, body)
		}
	})
}

// growing is a log that is written while it is read.
type growing struct {
	mu    sync.Mutex
	fresh []string
	over  bool
}

func (g *growing) write(over bool, lines ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fresh, g.over = append(g.fresh, lines...), over
}

func (g *growing) Read(_ context.Context, _ bool, line func(string) error) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, text := range g.fresh {
		if err := line(text); err != nil {
			return 0, err
		}
	}
	n := len(g.fresh)
	g.fresh = nil
	return n, nil
}

func (g *growing) Over(context.Context) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over, nil
}

func TestALogIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &growing{fresh: []string{"one"}}
		_, c := newChanging()
		c.OpenLog = func(context.Context, string) (Log, error) { return log, nil }
		w := &noted{ResponseWriter: httptest.NewRecorder()}
		var gone sync.WaitGroup
		gone.Go(func() {
			c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/runners/fleet-5-1/log?live=1", nil))
		})
		later(time.Second)
		log.write(false, "\x1b[31mtwo", "<b>")
		later(3 * time.Second)
		log.write(true, "three")
		gone.Wait()
		want := []string{
			`begin {"cut":0}`, `lines ["one"]`, `lines ["two","\u003cb\u003e"]`, `alive {}`, `lines ["three"]`, `end {"says":"The runner has ended."}`,
		}
		if diff := cmp.Diff(want, w.events); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// noted notes events as they are.
type noted struct {
	http.ResponseWriter
	events []string
}

func (n *noted) Write(text []byte) (int, error) {
	if name, data, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(text)), "event: "), "\ndata: "); ok {
		n.events = append(n.events, fmt.Sprint(name, " ", data))
	}
	return len(text), nil
}

func (n *noted) Flush()                           {}
func (n *noted) SetReadDeadline(time.Time) error  { return nil }
func (n *noted) SetWriteDeadline(time.Time) error { return nil }

// TestManyAddresses: whoever asks for ever other addresses makes the server keep no more
// pages than there may be viewers.
func TestManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newChanging()
		_, leave := view(t, c, "/")
		for i := range 3 * mostViewers {
			_, gone := view(t, c, fmt.Sprintf("/runs?q=%d", i))
			gone()
		}
		c.live.mu.Lock()
		kept := len(c.live.pages)
		c.live.mu.Unlock()
		if kept > mostViewers {
			t.Errorf("%d pages are kept", kept)
		}
		leave()
	})
}

// TestAStreamReadsNoLog: the log of a page has a stream of its own, and is not read again
// with each change.
func TestAStreamReadsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		c := newBusy(t, func(o *Options) {
			o.OpenLog = func(context.Context, string) (Log, error) { opened++; return lines{"one"}, nil }
		})
		b, leave := view(t, c, "/runners/fleet-20000000900-1")
		c.live.change()
		synctest.Wait()
		leave()
		if got := b.heard(); len(got) == 0 || opened != 0 {
			t.Errorf("the log was opened %d times for %v", opened, got)
		}
		if _, body := get(t, c, "/runners/fleet-20000000900-1"); opened != 1 || !strings.Contains(body, "<div>one</div>") {
			t.Errorf("the page itself opened the log %d times", opened)
		}
	})
}

// A stream has no end, and HEAD would hold a place of a viewer for ever.
func TestHeadOpensNoStream(t *testing.T) {
	c := New(Options{Records: &changing{}, Zone: time.UTC})
	answer := httptest.NewRecorder()
	c.ServeHTTP(answer, httptest.NewRequest(http.MethodHead, "/live?at=/", nil))
	if answer.Code != http.StatusOK || answer.Body.Len() != 0 {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
}

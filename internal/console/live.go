package console

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// lookEvery is the time between two looks at records that report whether they have
	// changed.
	lookEvery = time.Second
	// anyway is after what time pages are rendered again although nothing has changed:
	// charts move on.
	anyway = 30 * time.Second
	// costs bounds what rendering takes of one core: a pause is so many times as long.
	costs = 30
	// longestPause bounds how old a page may be whatever rendering takes.
	longestPause = 15 * time.Second
	// alive is how often a stream has a line although there is no news: the browser, and
	// proxies, notice by its absence that a connection is lost.
	alive = 10 * time.Second
	// mostViewers bounds the streams, and so what they hold in memory.
	mostViewers = 100
)

// versioned are records that report cheaply whether they have changed.
type versioned interface {
	// DataVersion is another number after each change.
	DataVersion(ctx context.Context) (int64, error)
}

// live sends the changes of pages to those who have them open. One look at the records
// serves all viewers, and the records are left alone while no page is open.
type live struct {
	console *Console
	seed    maphash.Seed

	mu      sync.Mutex
	viewers int
	stop    context.CancelFunc // of the looks
	changed chan struct{}      // closed at the next change
	pages   map[string]*shared // by their addresses, since the last change
	spent   time.Duration      // on rendering since then
}

// shared is a page that is rendered once for all viewers.
type shared struct {
	once sync.Once
	page page
}

func newLive(c *Console) *live {
	return &live{console: c, seed: maphash.MakeSeed(), changed: make(chan struct{}), pages: map[string]*shared{}}
}

// join begins the looks if there were no viewers. It reports false if there are too many.
func (l *live) join() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.viewers == mostViewers {
		return false
	}
	if l.viewers++; l.viewers == 1 {
		l.pages = map[string]*shared{}
		var ctx context.Context
		ctx, l.stop = context.WithCancel(context.Background())
		go l.look(ctx)
	}
	return true
}

func (l *live) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.viewers--; l.viewers == 0 {
		l.stop()
	}
}

// look notices changes until ctx ends.
func (l *live) look(ctx context.Context) {
	records, cheap := l.console.Records.(versioned)
	var was int64
	for seen := l.console.Now(); ; {
		pause := l.console.Pace
		if cheap {
			pause = lookEvery
		}
		l.mu.Lock()
		pause = min(longestPause, max(pause, l.spent*costs))
		l.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if cheap {
			now, err := records.DataVersion(ctx)
			if err == nil && now == was && l.console.Now().Sub(seen) < anyway {
				continue
			}
			was = now
		}
		seen = l.console.Now()
		l.change()
	}
}

func (l *live) change() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages, l.spent = map[string]*shared{}, 0
	close(l.changed)
	l.changed = make(chan struct{})
}

// next is the page at an address as it is now, and what is closed once it may have changed.
func (l *live) next(at *url.URL) (page, <-chan struct{}) {
	l.mu.Lock()
	changed := l.changed
	one := l.pages[at.String()]
	if one == nil {
		for old := range l.pages { // of those who have left: there are not so many viewers
			if len(l.pages) < mostViewers {
				break
			}
			delete(l.pages, old)
		}
		one = &shared{}
		l.pages[at.String()] = one
	}
	l.mu.Unlock()
	one.once.Do(func() {
		begun := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second) // not the viewer's: others share the page
		defer cancel()
		one.page = l.console.built(ctx, at, true)
		took := time.Since(begun)
		l.mu.Lock()
		l.spent += took
		l.mu.Unlock()
	})
	return one.page, changed
}

// serve streams the changes of the page that the query names, as server-sent events: a
// region with its id and HTML, or what is lost.
func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	at, err := url.Parse(r.URL.Query().Get("at"))
	if err != nil || !strings.HasPrefix(at.Path, "/") || at.Host != "" {
		http.Error(w, "name the page by its address", http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodHead {
		return // a stream has no end that HEAD could wait for
	}
	if !l.join() {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer l.leave()
	s, err := newStream(w)
	if err != nil {
		return
	}
	sent := map[string]uint64{}
	for lost := ""; ; {
		p, changed := l.next(at)
		says := ""
		if p.Status == http.StatusServiceUnavailable {
			says = "The records do not answer. What is shown is as it was."
		}
		if says != lost {
			lost = says
			s.event("lost", map[string]string{"says": says})
		}
		if lost == "" {
			for _, part := range p.Regions {
				if hash := l.hash(part.HTML); !part.Fixed && sent[part.ID] != hash {
					sent[part.ID] = hash
					s.event("region", map[string]string{"id": part.ID, "html": part.HTML})
				}
			}
		}
		s.event("now", map[string]int64{"at": l.console.Now().UnixMilli()})
		if s.flush() != nil || !l.wait(r.Context(), s, changed) {
			return
		}
	}
}

// wait returns at the next change, and false if the stream is to end.
func (l *live) wait(ctx context.Context, s *stream, changed <-chan struct{}) bool {
	beat := time.NewTicker(alive)
	defer beat.Stop()
	for {
		select {
		case <-changed:
			return true
		case <-beat.C:
			s.event("alive", struct{}{})
			if s.flush() != nil {
				return false
			}
		case <-ctx.Done():
			return false
		case <-l.console.Done:
			return false
		}
	}
}

// momentText is the text of a time, which the browser changes by itself.
var momentText = regexp.MustCompile(`(<time [^>]*>)[^<]*`)

// hash names what a region shows, whatever the time.
func (l *live) hash(html string) uint64 {
	return maphash.String(l.seed, momentText.ReplaceAllString(html, "$1"))
}

// stream is an answer of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	failed  error
}

// newStream begins an answer that has no end. The server's time to read a request is over
// long before.
func newStream(w http.ResponseWriter) (*stream, error) {
	s := &stream{w: w, control: http.NewResponseController(w)}
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		http.Error(w, "this server cannot stream", http.StatusInternalServerError)
		return nil, err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, s.failed = fmt.Fprint(w, "retry: 2000\n\n")
	return s, s.flush()
}

func (s *stream) event(name string, data any) {
	text, err := json.Marshal(data)
	if err == nil && s.failed == nil {
		extend(s.w, 20*time.Second) // a browser that reads nothing is gone
		_, s.failed = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, text)
	}
}

func (s *stream) flush() error {
	if s.failed == nil {
		s.failed = s.control.Flush()
	}
	return s.failed
}

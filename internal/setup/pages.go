package setup

import (
	"context"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"time"
)

//go:embed page
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "page/page.html"))

// form is what a person sends to GitHub to make an App.
type form struct {
	Host     string
	Manifest string
	Buttons  []button
}

type button struct{ To, Text string }

// Pages show a person in the browser how a set-up goes on, and what to do. The zero value
// is none of use; see NewPages.
type Pages struct {
	codes chan string   // of GitHub, one
	shown chan struct{} // closed once the end was shown

	once sync.Once

	mu      sync.Mutex
	view    view
	changed chan struct{} // closed at the next change of the view
	// state is what GitHub has to lead back with, "" once it has.
	state string
}

// view is what the page shows. Stage changes with what the person can do.
type view struct {
	Fleet string
	Stage string // begin, ask, work, install, end
	Form  form
	Link  string // to install the App
	Lines []string
	Good  bool   // of the end
	Next  string // what is to be done after a good end, "" for nothing
}

// NewPages are the pages for a fleet, which say that nothing is to be done yet.
func NewPages(fleetName string) *Pages {
	return &Pages{codes: make(chan string, 1), shown: make(chan struct{}), changed: make(chan struct{}), view: view{Fleet: fleetName, Stage: "work"}}
}

// ask shows a form, and lets GitHub lead back with a state.
func (p *Pages) ask(f form, state string) {
	p.set(func(v *view) {
		v.Stage, v.Form = "ask", f
		p.state = state
	})
}

func (p *Pages) set(change func(*view)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.view)
	p.notify()
}

// notify is called with p.mu held.
func (p *Pages) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Install shows where the App is to be installed.
func (p *Pages) Install(link string) {
	p.set(func(v *view) { v.Stage, v.Link = "install", link })
}

// Work shows that the person has nothing to do.
func (p *Pages) Work() { p.set(func(v *view) { v.Stage = "work" }) }

// Line adds what a step came to.
func (p *Pages) Line(text string) {
	p.set(func(v *view) { v.Lines = append(v.Lines, text) })
}

// End shows how it ended and what is next, and waits a moment for a browser that has the page
// open to have shown that.
func (p *Pages) End(ctx context.Context, good bool, next string) {
	p.set(func(v *view) { v.Stage, v.Good, v.Next = "end", good, next })
	limited, cancel := context.WithTimeout(ctx, endIsShownWithin)
	defer cancel()
	select {
	case <-p.shown:
	case <-limited.Done():
	}
}

const endIsShownWithin = 3 * time.Second

// ServeHTTP serves the pages.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		v := p.look()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = pageTemplate.Execute(w, v) // who reads it may be gone
	case "GET /progress":
		v := p.next(r)
		p.tell(r)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"stage": v.Stage, "lines": v.Lines})
	case "GET " + madePath:
		p.back(w, r)
	case "GET /page.css", "GET /page.js":
		http.ServeFileFS(w, r, pageFiles, "page"+r.URL.Path)
	default:
		http.NotFound(w, r)
	}
}

// asksAgain is how long a question about progress waits for some.
const asksAgain = 20 * time.Second

// next is what the page shows once that is no longer what a request says it knows.
func (p *Pages) next(r *http.Request) view {
	limit := time.NewTimer(asksAgain)
	defer limit.Stop()
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		v := p.look()
		if r.FormValue("stage") != v.Stage || r.FormValue("lines") != strconv.Itoa(len(v.Lines)) {
			return v
		}
		select {
		case <-changed:
		case <-limit.C:
			return v
		case <-r.Context().Done():
			return v
		}
	}
}

func (p *Pages) look() view {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view
	v.Lines = append([]string{}, v.Lines...)
	return v
}

// tell notes that a page shows the end: it says so once it has loaded all its parts.
func (p *Pages) tell(r *http.Request) {
	if r.FormValue("stage") == "end" {
		p.once.Do(func() { close(p.shown) })
	}
}

// back takes GitHub's code. It is open to all, who have to know the state.
func (p *Pages) back(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.mu.Lock()
	ours := sameState(query.Get("state"), p.state)
	if ours && query.Get("code") != "" {
		p.state, p.view.Stage = "", "work"
		p.notify()
		p.codes <- query.Get("code")
	}
	p.mu.Unlock()
	switch {
	case !ours:
		http.Error(w, "this is not the answer to a question of this page, or the same one again: go back to the first page, or run the command again", http.StatusForbidden)
	case query.Get("code") == "":
		http.Error(w, "GitHub has sent no code: go back, and try again", http.StatusBadRequest)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// Open are the paths of the pages that need no token of the link.
func (*Pages) Open() []string { return []string{madePath} }

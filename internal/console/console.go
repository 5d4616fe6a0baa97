// Package console shows a fleet in a browser: pages that the server renders from the
// fleet's records.
//
// A page works without script. With it, the server renders the page's regions again when
// the records have changed, and sends those that differ: nothing is computed in the
// browser, and many viewers of one page cost as much as one.
package console

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// Operator is the part of a fleet that changes are asked of. It finds out itself who asks.
type Operator interface {
	Pause(ctx context.Context, by fleet.Operator) (operate.PauseResult, error)
	Resume(ctx context.Context, by fleet.Operator) (operate.ResumeResult, error)
	Retry(ctx context.Context, runID string, by fleet.Operator) (operate.RetryResult, error)
	Terminate(ctx context.Context, runnerID string, force bool, by fleet.Operator) (operate.TerminateResult, error)
}

// Log is what one runner wrote. It is read by one reader.
type Log interface {
	// Read hands on the lines that are new since the last call and counts them. In the
	// final call there must be a log, else the error says why there is none.
	Read(ctx context.Context, final bool, line func(string) error) (int, error)
	// Over reports whether no more is written.
	Over(ctx context.Context) (bool, error)
}

// Options are what a console is made of.
type Options struct {
	Records report.Source
	// Operator is asked for changes; nil shows a fleet and changes nothing.
	Operator Operator
	// OpenLog finds a runner's log; nil shows none.
	OpenLog func(ctx context.Context, runnerID string) (Log, error)
	// Place is where the fleet is, for people: a data directory, or a stack with its region.
	Place string
	// Flags are those by which commands find the fleet, beginning with a space, "" if the
	// environment names it.
	Flags   string
	Region  string         // of AWS, for prices; "" is us-east-1
	Version string         // of this program
	Zone    *time.Location // of the times that are shown; nil is that of the machine
	Now     func() time.Time
	// Pace is the time between two looks for changes. Records that report whether they have
	// changed are looked at each second.
	Pace time.Duration
	// Serves reports whether a fleet works on the records just now; nil is not known.
	Serves func() bool
	// Allowed are how many vCPUs the AWS account may use at once; nil is a fleet that is not
	// on AWS. It is called for each look at the fleet.
	Allowed func(context.Context) (map[fleet.CapacityProvider]float64, error)
	// Done ends the streams of pages that are open.
	Done <-chan struct{}
}

// Console serves the pages. Make it with New.
type Console struct {
	Options
	graph  Graph
	token  string // that forms for changes carry
	engine *templates
	live   *live
	routes http.Handler

	mu     sync.Mutex
	recent recent
}

// New makes a console. It refuses nothing of the options; a fleet whose records do not
// answer has pages that say so.
func New(o Options) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Pace == 0 {
		o.Pace = 5 * time.Second
	}
	graph, err := Layout(statemachine.Definition)
	if err != nil {
		panic(err) // a file of this program
	}
	c := &Console{Options: o, graph: graph, token: rand.Text()}
	c.engine = parseTemplates(c.Now, c.Zone)
	c.live = newLive(c)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{name}", serveAsset)
	mux.HandleFunc("GET /live", c.live.serve)
	mux.HandleFunc("GET /runners/{id}/log", c.serveLog)
	mux.HandleFunc("POST /change", c.change)
	mux.HandleFunc("GET /", c.servePage)
	c.routes = mux
	return c
}

// longestAnswer bounds the time of an answer: what takes longer has a reader that is gone.
// Streams and logs have it anew with each part.
const longestAnswer = time.Minute

// ServeHTTP serves the pages.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	extend(w, longestAnswer)
	c.routes.ServeHTTP(w, r)
}

// extend lets an answer take so much longer from now on.
func extend(w http.ResponseWriter, by time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(by)) // a recorder of tests has none
}

// page is what an address shows.
type page struct {
	Title   string
	Nav     string // the part of the menu that it belongs to
	Lead    string // a sentence below the title
	Up      link   // where it is found, if not in the menu
	Status  int    // 0 is 200
	Regions []region
}

type link struct{ Href, Text string }

// region is a part of a page that is rendered by itself. Regions are sent again when they
// have changed, except Fixed ones, which have what the viewer types.
type region struct {
	ID       string
	Template string
	Data     any
	Fixed    bool
	Late     func() any // makes Data when the region is rendered
	Wide     bool       // as wide as the page
	HTML     string
}

// errNoPage says that an address shows nothing.
var errNoPage = errors.New("there is no such page")

// page builds what a path and query show.
func (c *Console) page(ctx context.Context, at *url.URL) (page, error) {
	parts := strings.Split(strings.Trim(at.Path, "/"), "/")
	query := at.Query()
	switch {
	case at.Path == "/":
		return c.fleetPage(ctx)
	case len(parts) == 2 && parts[0] == "runs":
		return c.runPage(ctx, parts[1])
	case len(parts) == 2 && parts[0] == "runners":
		return c.runnerPage(ctx, parts[1])
	case len(parts) != 1:
		return page{}, errNoPage
	}
	switch parts[0] {
	case "runs":
		return c.runsPage(ctx, query)
	case "runners":
		return c.runnersPage(ctx, query)
	case "images":
		return c.imagesPage(ctx, query)
	case "classes":
		return c.classesPage(ctx, query)
	case "repositories":
		return c.repositoriesPage(ctx, query)
	case "events":
		return c.eventsPage(ctx)
	case "try":
		return c.tryPage(ctx, query)
	}
	return page{}, errNoPage
}

// built is a page with its regions rendered, for a stream those that change alone. What goes
// wrong is a page too.
func (c *Console) built(ctx context.Context, at *url.URL, stream bool) page {
	p, err := c.page(ctx, at)
	if err == nil {
		err = c.render(&p, stream)
	}
	if err == nil {
		return p
	}
	p = c.trouble(err)
	if err := c.render(&p, stream); err != nil {
		panic(err) // it has a text alone
	}
	return p
}

func (c *Console) render(p *page, stream bool) error {
	for i := range p.Regions {
		if stream && p.Regions[i].Fixed {
			continue
		}
		if late := p.Regions[i].Late; late != nil {
			p.Regions[i].Data = late()
		}
		var b strings.Builder
		if err := c.engine.execute(&b, p.Regions[i].Template, p.Regions[i].Data); err != nil {
			return err
		}
		p.Regions[i].HTML = b.String()
	}
	return nil
}

// trouble is the page of an error.
func (c *Console) trouble(err error) page {
	said := problem{Says: err.Error()}
	p := page{Title: "The records do not answer", Status: http.StatusServiceUnavailable}
	missing := new(report.NotFound)
	switch {
	case errors.As(err, missing):
		p.Title, p.Status = "There is no "+missing.What+" "+missing.ID, http.StatusNotFound
		said.Do = []string{"Records are kept for a limited time: an old " + missing.What + " may have been forgotten.", "Is it of another fleet? This one is " + c.Place + "."}
		said.Links = []link{{"/runs", "All runs"}, {"/runners", "All runners"}}
	case errors.Is(err, errNoPage):
		p.Title, p.Status = "There is no such page", http.StatusNotFound
		said = problem{Says: "The address leads nowhere.", Links: []link{{"/", "The fleet"}}}
	default:
		said.Do = []string{"The page tries again by itself.", "If it goes on, run: ecsrunner doctor" + c.Flags}
	}
	p.Regions = []region{{ID: "trouble", Template: "trouble", Data: said, Wide: true}}
	return p
}

// problem is what went wrong, for people.
type problem struct {
	Says  string
	Do    []string
	Links []link
}

// shell is a page with what is around it.
type shell struct {
	page
	FleetName string
	Place     string
	Version   string
	Changes   bool
	Live      string // where the page's changes come from
	Menu      []menuItem
	At        time.Time
}

type menuItem struct {
	Href, Text string
	Here       bool
}

var menu = []menuItem{
	{Href: "/", Text: "Fleet"}, {Href: "/runs", Text: "Runs"}, {Href: "/runners", Text: "Runners"}, {Href: "/images", Text: "Images"},
	{Href: "/classes", Text: "Classes"}, {Href: "/repositories", Text: "Repositories"}, {Href: "/events", Text: "Events"}, {Href: "/try", Text: "Try"},
}

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	c.write(w, c.built(r.Context(), r.URL, false), r.URL.RequestURI())
}

// write writes a page with what is around it. at is its address, "" for a page that does
// not change.
func (c *Console) write(w http.ResponseWriter, p page, at string) {
	s := shell{page: p, FleetName: c.fleetName(), Place: c.Place, Version: c.Version, Changes: c.Operator != nil, At: c.Now()}
	if at != "" {
		s.Live = "/live?" + url.Values{"at": {at}}.Encode()
	}
	for _, item := range menu {
		item.Here = item.Href == p.Nav
		s.Menu = append(s.Menu, item)
	}
	var b strings.Builder
	if err := c.engine.execute(&b, "shell", s); err != nil {
		http.Error(w, "render the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, _ = io.WriteString(w, b.String()) // the reader may be gone
}

// fleetName is "" while the records do not answer.
func (c *Console) fleetName() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	settings, err := c.Records.Settings(ctx)
	if err != nil {
		return ""
	}
	return settings.FleetName
}

// Package loopback serves pages to the person at this machine, and to nobody else.
//
// An address of 127.0.0.1 is not private: every page that the person's browser has open can
// send requests to it, any name may resolve to it (DNS rebinding), and so can every other
// user of the machine. So a request has to name this address as its host, must not come
// from another origin, and needs the token of the printed link, which becomes a cookie.
package loopback

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokenKey is the parameter of the printed link.
const tokenKey = "token"

// Door is an address that pages are served at.
type Door struct {
	// SendsTo are the origins that forms of the pages may be sent to, besides this one.
	SendsTo []string
	// Open are the paths that need no token: they check for themselves who asks.
	Open []string

	listener       net.Listener
	hosts          []string // that requests may name, the first is in links
	token, session string
	cookie         string
}

// Listen opens a door at host:port, where port 0 is a free one. It refuses hosts that are
// reached from other machines.
func Listen(ctx context.Context, address string) (*Door, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s is no host:port, as 127.0.0.1:0", address)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is reached from other machines: use 127.0.0.1:%s, and a tunnel such as ssh -L to open it elsewhere", address, port)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return &Door{
		listener: listener, hosts: []string{net.JoinHostPort(host, port), "localhost:" + port},
		token: rand.Text(), session: rand.Text(), cookie: "ecsrunner_" + port,
	}, nil
}

// URL is the address of a path.
func (d *Door) URL(path string) string { return "http://" + d.hosts[0] + path }

// Link is the address of a path with the token: it is a secret of the person who opens it.
func (d *Door) Link(path string) string { return d.URL(path) + "?" + tokenKey + "=" + d.token }

// Serve answers requests with the pages until the context ends, and then those that are
// under way for a moment longer.
func (d *Door) Serve(ctx context.Context, pages http.Handler) error {
	server := &http.Server{
		Handler: d.guard(pages), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
	stopped := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	})
	defer stopped()
	if err := server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops listening, for a door that is not served.
func (d *Door) Close() error { return d.listener.Close() }

// policy is what the browser may load and send. There is no script or style within a page.
func (d *Door) policy() string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action " +
		strings.Join(append([]string{"'self'"}, d.SendsTo...), " ")
}

// guard lets the person of the link through.
func (d *Door) guard(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": d.policy(), "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
			"Referrer-Policy": "strict-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		switch {
		case !slices.Contains(d.hosts, strings.ToLower(r.Host)):
			http.Error(w, "this page is at "+d.URL("/")+" alone", http.StatusMisdirectedRequest)
		case !d.isOwn(r):
			http.Error(w, "another site's page may not ask this one", http.StatusForbidden)
		case slices.Contains(d.Open, r.URL.Path):
			pages.ServeHTTP(w, r)
		case r.Method == http.MethodGet && same(r.URL.Query().Get(tokenKey), d.token):
			http.SetCookie(w, &http.Cookie{Name: d.cookie, Value: d.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, withoutToken(r.URL), http.StatusSeeOther)
		case !d.hasSession(r):
			http.Error(w, "open the whole link that was printed: it has a token", http.StatusForbidden)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// isOwn reports whether a request comes from these pages, or is a person's who opens one.
func (d *Door) isOwn(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" { // the same site at another port
		return reads && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return reads
	}
	return slices.Contains(d.hosts, strings.TrimPrefix(strings.ToLower(origin), "http://"))
}

func (d *Door) hasSession(r *http.Request) bool {
	cookie, err := r.Cookie(d.cookie)
	return err == nil && same(cookie.Value, d.session)
}

func same(given, want string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

func withoutToken(u *url.URL) string {
	query := u.Query()
	query.Del(tokenKey)
	return (&url.URL{Path: "/" + strings.TrimLeft(u.Path, "/"), RawQuery: query.Encode()}).String()
}

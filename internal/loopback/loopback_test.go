package loopback_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/loopback"
)

// open serves a page that says hello.
func open(t *testing.T) *loopback.Door {
	t.Helper()
	d, err := loopback.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.SendsTo, d.Open = []string{"https://github.com"}, []string{"/open"}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() {
		served <- d.Serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return d
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
}

func TestThePersonOfTheLink(t *testing.T) {
	d, person := open(t), browser(t)
	resp, err := person.Get(d.Link("/here"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || resp.Request.URL.String() != d.URL("/here") {
		t.Errorf("%s at %s: the token is to be gone from the address", body, resp.Request.URL)
	}
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self' https://github.com", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s is not in %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", resp.Header)
	}
}

func TestOthersAreRefused(t *testing.T) {
	d, person := open(t), browser(t)
	if _, err := person.Get(d.Link("/")); err != nil {
		t.Fatal(err)
	}
	own := strings.TrimSuffix(d.URL("/"), "/")
	for name, c := range map[string]struct {
		method, path, host string
		stranger           bool
		header             map[string]string
		want               int
	}{
		"the person again":                       {"GET", "/", "", false, nil, 200},
		"the person's form":                      {"POST", "/", "", false, map[string]string{"Origin": own}, 200},
		"the person by the other name":           {"GET", "/", "localhost", true, nil, 403}, // a cookie is of one name
		"one without the token":                  {"GET", "/", "", true, nil, 403},
		"one with another token":                 {"GET", "/?token=guess", "", true, nil, 403},
		"one who is led to what is open":         {"GET", "/open", "", true, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		"a link on another site":                 {"GET", "/", "", false, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		"a script of another site":               {"GET", "/", "", false, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403},
		"a script at another port":               {"GET", "/", "", false, map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403},
		"a script of another site, open":         {"GET", "/open", "", false, map[string]string{"Origin": "https://evil.example"}, 403},
		"a form of another site":                 {"POST", "/", "", false, map[string]string{"Origin": "https://evil.example"}, 403},
		"a form of a page without origin":        {"POST", "/", "", false, map[string]string{"Origin": "null"}, 403},
		"a form of no page":                      {"POST", "/", "", false, nil, 403},
		"a form at another port of this machine": {"POST", "/", "", false, map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		"a name that resolves to this machine":   {"GET", "/", "evil.example", false, nil, 421},
		"that name at what is open":              {"GET", "/open", "evil.example", true, nil, 421},
	} {
		client := person
		if c.stranger {
			client = browser(t)
		}
		req, err := http.NewRequestWithContext(t.Context(), c.method, d.URL(c.path), nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			u, _ := url.Parse(d.URL("/"))
			req.Host = c.host + ":" + u.Port()
		}
		for key, value := range c.header {
			req.Header.Set(key, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
}

func TestAddressesThatOthersReach(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:0": "reached from other machines", ":8080": "reached from other machines", "[::]:0": "reached from other machines",
		"10.1.2.3:80": "reached from other machines", "example.com:80": "reached from other machines", "8080": "is no host:port",
	} {
		if d, err := loopback.Listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", address, d, err)
		}
	}
	for _, address := range []string{"localhost:0", "127.0.0.2:0"} {
		d, err := loopback.Listen(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		d.Close()
	}
}

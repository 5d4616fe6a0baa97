package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// busyFleet is a data directory with the records of a busy fleet.
func busyFleet(t *testing.T) (dir string, store *sqlite.Store) {
	t.Helper()
	nowhere(t)
	dir = t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := consoletest.Fill(t.Context(), store, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := consoletest.FillExecutions(t.Context(), store.Executions(), time.Now()); err != nil {
		t.Fatal(err)
	}
	return dir, store
}

// shownConsole is a console that a test opens.
type shownConsole struct {
	link string
	stop func() error // ends the command as Ctrl-C does
	said func() string
}

// serveConsole starts the command and waits for its link.
func serveConsole(t *testing.T, args ...string) shownConsole {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var talk bytes.Buffer
	root := newRoot()
	root.SetArgs(append([]string{"console"}, args...))
	root.SetOut(in)
	root.SetErr(&talk)
	var ended sync.WaitGroup
	var failed error
	ended.Go(func() {
		failed = root.ExecuteContext(ctx)
		_ = in.Close()
	})
	stop := func() error {
		cancel()
		ended.Wait()
		return failed
	}
	t.Cleanup(func() { _ = stop() })
	link, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no link: %v, %v", err, stop())
	}
	return shownConsole{link: strings.TrimSpace(link), stop: stop, said: talk.String}
}

func TestConsole(t *testing.T) {
	dir, store := busyFleet(t)
	shown := serveConsole(t, "--data-dir", dir)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	person, stranger := &http.Client{Jar: jar}, &http.Client{}
	base, _, _ := strings.Cut(shown.link, "/?")
	get := func(client *http.Client, at string) (int, string) {
		t.Helper()
		resp, err := client.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if status, body := get(stranger, base+"/"); status != http.StatusForbidden {
		t.Errorf("without the token: %d\n%s", status, body)
	}
	if status, body := get(person, shown.link); status != http.StatusOK || !strings.Contains(body, "What waits, and why") || !strings.Contains(body, "Read-only") || !strings.Contains(body, "No fleet serves these records now.") {
		t.Errorf("with the link: %d\n%s", status, body)
	}
	if status, body := get(person, base+"/runners/fleet-20000000900-1"); status != http.StatusOK || !strings.Contains(body, "Nothing was written yet.") {
		t.Errorf("a runner without a log: %d\n%s", status, body)
	}

	resp, err := person.Get(base + "/live?at=%2Fruns%2Fjob-20000000900")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	events.Buffer(nil, 1<<20)
	await := func(text string) {
		t.Helper()
		for events.Scan() {
			if strings.Contains(events.Text(), text) {
				return
			}
		}
		t.Fatalf("the stream ends without %q: %v", text, events.Err())
	}
	await("event: now")
	run, _, err := store.Run(t.Context(), "job-20000000900")
	if err != nil {
		t.Fatal(err)
	}
	run.Status, run.Conclusion = fleet.RunCompleted, "success"
	if err := store.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run}}); err != nil {
		t.Fatal(err)
	}
	await("ended with success")
	if err := shown.stop(); err != nil { // while a stream is open
		t.Error(err)
	}
	if events.Scan(); strings.Contains(events.Text(), "event: region") {
		t.Error("the stream goes on")
	}
	wants(t, shown.said(), "^no fleet serves .* now", "Ctrl-C ends the console")
}

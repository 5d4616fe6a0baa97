//go:build browser

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A person sets up a fleet in a real browser. scripts/test-browser says where that is.
func TestSetupInABrowser(t *testing.T) {
	if os.Getenv("CHROMIUM") == "" {
		t.Fatal("CHROMIUM is not set: run `make test-browser`")
	}
	for _, manner := range []string{"mouse", "keyboard"} {
		t.Run(manner, func(t *testing.T) {
			chromium := os.Getenv("CHROMIUM")
			nowhere(t)
			hub, at := newGitHub(t, "")
			home := t.TempDir()
			path := write(t, filepath.Join(home, "fleet.yaml"), "github_repo: "+examinedRepository+"\ngithub_url: "+at+"\n")
			dir := filepath.Join(home, "data")
			u := settingUp{wait: paced(hub), listen: "127.0.0.1:0", limit: time.Minute}
			u.named, u.config, u.webhookURL = dir, path, "http://127.0.0.1:1/webhook"
			p := newPerson(t)
			u.talk = p

			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			var said []byte
			var failed error
			var person sync.WaitGroup
			person.Go(func() {
				defer stop() // a person who is stuck is not waited for
				node := exec.CommandContext(ctx, "node", "setup.mjs", <-p.opened, manner)
				node.Dir = "testdata/browser"
				node.Env = append(os.Environ(), "CHROMIUM="+chromium)
				said, failed = node.CombinedOutput()
			})
			var out, talk bytes.Buffer
			code := status(u.run(ctx, &out), &talk)
			person.Wait()
			if failed != nil || !strings.Contains(string(said), "the page ends with: GitHub is set up. Next: start the fleet with `ecsrunner local ") {
				t.Errorf("the browser: %v\n%s", failed, said)
			}
			t.Logf("%s", said)
			if code != exitFailure || !strings.HasPrefix(talk.String(), "ecsrunner: GitHub is set up. Next: start the fleet") {
				t.Errorf("exit status %d: %s\n%s", code, talk.String(), p.saw())
			}
			wants(t, p.saw(), `^GitHub App: made fleet-octo-org, and stored its key`, `^installation: the App is installed for octo-org`)
		})
	}
}

//go:build peers

package peers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const secret = "It's a Secret to Everybody"

// payload is a recorded delivery, with more steps in a field that the fleet does not read
// until it has the size.
func payload(t *testing.T, size int) []byte {
	t.Helper()
	recorded, err := os.ReadFile("../../functions/webhook/testdata/github/workflow_job/05-queued-hosted-labels-with-runner.json")
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for n := 0; n*124 < size-len(recorded); n++ {
		steps = append(steps, fmt.Sprintf(`{"name":"Step %d of the job","status":"queued","conclusion":null,"number":%d,"started_at":null,"completed_at":null}`, n, n))
	}
	if len(steps) == 0 {
		return recorded
	}
	return bytes.Replace(recorded, []byte(`{`), []byte(`{"further":[`+strings.Join(steps, ",")+`],`), 1)
}

// TestParse compares what a delivery costs before anything is decided. Like for like are our
// HMAC and decoding and the peer's verify and JSON.parse. The handler is ours as a whole for a
// job that is not the fleet's, with its answer and its log line; the floor is the HMAC and
// one pass over the document.
func TestParse(t *testing.T) {
	dir := t.TempDir()
	sizes := map[string]int{"7 KB": 0, "30 KB": 30 << 10, "1 MB": 950 << 10}
	names := []string{"7 KB", "30 KB", "1 MB"}
	var files []string
	for _, name := range names {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", ""))
		if err := os.WriteFile(file, payload(t, sizes[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	peer := map[string][]time.Duration{}
	ours, handler, floor := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		out, err := exec.CommandContext(t.Context(), "node", append([]string{"testdata/node/parse.mjs", secret}, files...)...).Output()
		if err != nil {
			t.Fatalf("parse.mjs: %v", err)
		}
		lines := json.NewDecoder(bytes.NewReader(out))
		for i, name := range names {
			var line struct{ Nanoseconds float64 }
			if err := lines.Decode(&line); err != nil {
				t.Fatal(err)
			}
			body, err := os.ReadFile(files[i])
			if err != nil {
				t.Fatal(err)
			}
			peer[name] = append(peer[name], time.Duration(line.Nanoseconds))
			ours[name] = append(ours[name], least(len(body), verifyAndParse(t, body)))
			handler[name] = append(handler[name], least(len(body), delivery(t, body)))
			floor[name] = append(floor[name], least(len(body), onePass(t, body)))
		}
	}
	table := doctable.New("a delivery of", "verify and parse", "@octokit/webhooks", "HMAC and one pass", "verify and parse : octokit", "verify and parse : one pass", "whole handler", "handler : octokit", "handler : one pass")
	for _, name := range names {
		o, h, p, f := median(ours[name]), median(handler[name]), median(peer[name]), median(floor[name])
		table.Row(name, microseconds(o), microseconds(p), microseconds(f), ratio(o, p), ratio(o, f), microseconds(h), ratio(h, p), ratio(h, f))
	}
	show(t, table, "parse")
}

// least is the time of one call in the fastest of many short series: what else the machine
// does makes a series slower, and nothing makes it faster.
func least(size int, call func()) time.Duration {
	each := max(1, 400_000/size)
	fastest := time.Hour
	for range 300 {
		from := time.Now()
		for range each {
			call()
		}
		fastest = min(fastest, time.Since(from)/time.Duration(each))
	}
	return fastest
}

type given []string

func (g given) WebhookSecrets(context.Context) ([]string, error) { return g, nil }

// nothing are records of a fleet that has none: a job that is not the fleet's needs none.
type nothing struct{}

func (nothing) Run(context.Context, string) (run fleet.Run, ok bool, err error) {
	return run, false, nil
}
func (nothing) Cursor(context.Context, string) (string, error)                { return "", nil }
func (nothing) HoldsBelow(context.Context, string, int) ([]fleet.Hold, error) { return nil, nil }

// delivery handles a delivery of a job that asks for GitHub's own runners.
func delivery(t *testing.T, body []byte) func() {
	h := webhook.Handler{
		Secrets: given{secret}, Records: nothing{}, Policy: fleet.Policy{FleetName: "fleet", Repositories: []string{"Codertocat/Hello-World"}, AllowPublic: true},
		Now: time.Now, NewID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler),
	}
	request := webhook.Request{Method: http.MethodPost, Body: body, Header: map[string]string{
		"content-type": "application/json", "x-github-event": "workflow_job", "x-github-delivery": "1", "x-hub-signature-256": sign(body),
	}}
	return func() {
		if resp := h.Handle(t.Context(), request); resp.Body.Status != webhook.Ignored {
			t.Fatalf("%+v", resp)
		}
	}
}

func sign(body []byte) string {
	hash := hmac.New(sha256.New, []byte(secret))
	hash.Write(body)
	return "sha256=" + hex.EncodeToString(hash.Sum(nil))
}

// verifyAndParse is what the peer does too.
func verifyAndParse(t *testing.T, body []byte) func() {
	mac := mustDecode(t, sign(body))
	return func() {
		hash := hmac.New(sha256.New, []byte(secret))
		hash.Write(body)
		if !hmac.Equal(hash.Sum(nil), mac) {
			t.Fatal("the signature does not match")
		}
		if job, err := webhook.ReadJob(body); err != nil || job.JobID == 0 {
			t.Fatal(job, err)
		}
	}
}

func mustDecode(t *testing.T, signature string) []byte {
	t.Helper()
	mac, err := hex.DecodeString(strings.TrimPrefix(signature, "sha256="))
	if err != nil {
		t.Fatal(err)
	}
	return mac
}

func onePass(t *testing.T, body []byte) func() {
	return func() {
		if sign(body) == "" {
			t.Fatal("no signature")
		}
		d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if err := d.SkipValue(); err != nil {
			t.Fatal(err)
		}
	}
}

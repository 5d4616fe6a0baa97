package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestEventOnTheBus(t *testing.T) {
	b := newBench()
	resp := b.send(sent("workflow_job", queued(t, set("workflow_job.created_at", "2026-03-04T06:00:00.123+01:00"))))
	want := Response{Status: 202, Body: Reply{Status: Accepted, RunID: "job-14541957942"}}
	if diff := cmp.Diff(want, resp); diff != "" {
		t.Fatal(diff)
	}
	e := b.bus.events[0]
	if e.ID != "event-1" || e.Source != fleet.WebhookSource || e.DetailType != fleet.WorkflowJobEvent || !e.Time.Equal(now) {
		t.Errorf("envelope %+v", e)
	}
	created, started := time.Date(2026, 3, 4, 5, 0, 0, 123e6, time.UTC), time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	detail := fleet.WorkflowJob{
		Action: "queued", Delivery: "72d3162e-cc78-11e3-81ab-4c9367dc0958", ReceivedAt: now,
		Job: fleet.Job{
			JobID: 14541957942, WorkflowRunID: 5373506832, RunAttempt: 1, Repository: "octo-org/app", Private: true,
			Name: "build", WorkflowName: "CI", HeadBranch: "main", HeadSHA: "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11",
			HTMLURL: "https://github.com/octo-org/app/actions/runs/5373506832/job/14541957942",
			Labels:  []string{"self-hosted", "class:small"}, Status: "queued", InstallationID: 23154469,
			CreatedAt: &created, StartedAt: &started,
		},
		Wants: b.Policy.Wants(fleet.Job{Repository: "octo-org/app", Private: true, Labels: []string{"self-hosted", "class:small"}}),
	}
	if detail.Wants.Class != "small" || detail.Wants.Rungs != 1 {
		t.Errorf("it wants %+v", detail.Wants)
	}
	if diff := cmp.Diff(detail, b.bus.last(t)); diff != "" {
		t.Error(diff)
	}
}

// A commit that is none is left out: the job is known all the same.
func TestACommitThatIsNone(t *testing.T) {
	for _, given := range []any{absent, nil, "", "main", "9eab1c8", "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11/../../x"} {
		b := newBench()
		if resp := b.send(sent("workflow_job", queued(t, set("workflow_job.head_sha", given)))); resp.Status != 202 {
			t.Fatalf("%v: %+v", given, resp)
		}
		if sha := b.bus.last(t).Job.HeadSHA; sha != "" {
			t.Errorf("of %v the commit is %q", given, sha)
		}
	}
}

func TestReplies(t *testing.T) {
	tests := map[string]struct {
		event   string
		body    []byte
		status  int
		outcome Outcome
		reason  string
	}{
		"a job for us":                            {"workflow_job", queued(t), 202, Accepted, ""},
		"a job that policy refuses":               {"workflow_job", queued(t, set("workflow_job.labels", []string{"class:huge"})), 202, Refused, `class "huge"`},
		"a job of a public repository":            {"workflow_job", queued(t, set("repository.private", false)), 202, Refused, "is public"},
		"a job that is not ours":                  {"workflow_job", queued(t, set("workflow_job.labels", []string{"ubuntu-latest"})), 200, Ignored, `label "ubuntu-latest"`},
		"a job without labels":                    {"workflow_job", queued(t, set("workflow_job.labels", []string{})), 200, Ignored, "no labels"},
		"a job of another repository":             {"workflow_job", queued(t, set("repository.full_name", "octo-org/site")), 403, Forbidden, "octo-org/site is not a repository of this fleet"},
		"a job of our repository in another case": {"workflow_job", queued(t, set("repository.full_name", "Octo-Org/App")), 202, Accepted, ""},
		"a job behind an environment's gate":      {"workflow_job", queued(t, set("workflow_job.status", "waiting")), 200, Ignored, `status is "waiting"`},
		"a job that waits for approval":           {"workflow_job", queued(t, set("action", "waiting"), set("workflow_job.status", "waiting")), 202, Accepted, ""},
		"a waiting job that is not ours":          {"workflow_job", queued(t, set("action", "waiting"), set("workflow_job.labels", []string{"k8s"})), 200, Ignored, `label "k8s"`},
		"a job that was cancelled early":          {"workflow_job", queued(t, set("action", "completed"), set("workflow_job.conclusion", "cancelled"), set("workflow_job.runner_id", 0), set("workflow_job.runner_name", "")), 202, Accepted, ""},
		"a foreign label on our runner":           {"workflow_job", queued(t, set("action", "in_progress"), set("workflow_job.labels", []string{"k8s"}), set("workflow_job.runner_name", "fleet-77-1.2")), 202, Accepted, ""},
		"no label, ended on our runner":           {"workflow_job", queued(t, set("action", "completed"), set("workflow_job.labels", []string{}), set("workflow_job.runner_name", "fleet-77-1")), 202, Accepted, ""},
		"a foreign label on another's runner":     {"workflow_job", queued(t, set("action", "in_progress"), set("workflow_job.labels", []string{"k8s"}), set("workflow_job.runner_name", "fleet2-77-1.2")), 200, Ignored, `label "k8s"`},
		"a foreign label, queued on our runner":   {"workflow_job", queued(t, set("workflow_job.labels", []string{"k8s"}), set("workflow_job.runner_name", "fleet-77-1.2")), 200, Ignored, `label "k8s"`},
		"our runner in another repository":        {"workflow_job", queued(t, set("action", "in_progress"), set("repository.full_name", "octo-org/site"), set("workflow_job.runner_name", "fleet-77-1.2")), 403, Forbidden, ""},
		"two hundred labels":                      {"workflow_job", queued(t, set("workflow_job.labels", labels(200, 12))), 200, Ignored, "the job has 200 labels; a runner can have at most 100"},
		"a label of 300 characters":               {"workflow_job", queued(t, set("workflow_job.labels", labels(1, 300))), 202, Refused, `label "run:0-aaa`},
		"its length too":                          {"workflow_job", queued(t, set("workflow_job.labels", labels(1, 300))), 202, Refused, "has 300 characters"},

		"a label with a line end":    {"workflow_job", queued(t, set("workflow_job.labels", []string{"self-hosted", "class:small\n"})), 202, Refused, `label "class:small\n" has white space around it`},
		"a label with nothing in it": {"workflow_job", queued(t, set("workflow_job.labels", []string{"self-hosted", ""})), 202, Refused, `label "" is empty`},

		"an action of the future":     {"workflow_job", queued(t, set("action", "paused"), set("workflow_job", absent)), 200, Ignored, `action "paused"`},
		"an event of another type":    {"push", []byte("{}"), 200, Ignored, `"push"`},
		"a ping":                      {"ping", []byte(`{"zen":"","hook":{"events":["workflow_job"]},"repository":{"full_name":"octo-org/app"}}`), 200, Pong, ""},
		"a ping of an idle hook":      {"ping", []byte(`{"hook":{"events":["push"]}}`), 200, Pong, `choose "Workflow jobs"`},
		"a ping from elsewhere":       {"ping", []byte(`{"hook":{"events":["*"]},"repository":{"full_name":"octo-org/site"}}`), 200, Pong, "octo-org/site is not a repository"},
		"no event":                    {"", []byte("{}"), 400, Invalid, "X-GitHub-Event is missing"},
		"broken JSON":                 {"workflow_job", []byte(`{"action":`), 400, Invalid, "is no JSON: unexpected EOF at byte 10"},
		"two JSON documents":          {"workflow_job", []byte(`{} {}`), 400, Invalid, "is no JSON: invalid character"},
		"an empty body":               {"workflow_job", nil, 400, Invalid, "is no JSON"},
		"JSON that is no object":      {"ping", []byte(`[]`), 400, Invalid, "is not a JSON object"},
		"JSON null":                   {"workflow_job", []byte(` null`), 400, Invalid, "is not a JSON object"},
		"no action":                   {"workflow_job", queued(t, set("action", absent)), 400, Invalid, "has no action"},
		"no job":                      {"workflow_job", queued(t, set("workflow_job", absent)), 400, Invalid, "has no workflow_job"},
		"no job id":                   {"workflow_job", queued(t, set("workflow_job.id", absent)), 400, Invalid, "has no workflow_job.id"},
		"a negative job id":           {"workflow_job", queued(t, set("workflow_job.id", -1)), 400, Invalid, "has no workflow_job.id"},
		"a job id that is text":       {"workflow_job", queued(t, set("workflow_job.id", "1")), 400, Invalid, "workflow_job.id is of another type"},
		"a job id beyond 64 bits":     {"workflow_job", queued(t, set("workflow_job.id", 1e19)), 400, Invalid, "workflow_job.id is of another type"},
		"labels missing":              {"workflow_job", queued(t, set("workflow_job.labels", absent)), 400, Invalid, "has no workflow_job.labels"},
		"labels null":                 {"workflow_job", queued(t, set("workflow_job.labels", nil)), 400, Invalid, "has no workflow_job.labels"},
		"labels that are text":        {"workflow_job", queued(t, set("workflow_job.labels", "a")), 400, Invalid, "workflow_job.labels is of another type"},
		"no status while queued":      {"workflow_job", queued(t, set("workflow_job.status", absent)), 400, Invalid, "has no workflow_job.status"},
		"no repository":               {"workflow_job", queued(t, set("repository", absent)), 400, Invalid, "has no repository.full_name"},
		"a repository without a name": {"workflow_job", queued(t, set("repository.full_name", absent)), 400, Invalid, "has no repository.full_name"},
		"a time that is none":         {"workflow_job", queued(t, set("workflow_job.started_at", "yesterday")), 400, Invalid, "workflow_job.started_at is no RFC 3339 time"},
		"a time of the year 1":        {"workflow_job", queued(t, set("workflow_job.completed_at", "0001-01-01T00:00:00Z")), 202, Accepted, ""},
		"an old GitHub Enterprise Server": {"workflow_job", queued(t, set("workflow_job.run_attempt", absent), set("workflow_job.created_at", absent),
			set("workflow_job.workflow_name", absent), set("workflow_job.head_branch", absent), set("installation", absent)), 202, Accepted, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			resp := b.send(sent(test.event, test.body))
			if resp.Status != test.status || resp.Body.Status != test.outcome || !strings.Contains(resp.Body.Reason, test.reason) {
				t.Errorf("got %d %+v, want %d %s …%s…", resp.Status, resp.Body, test.status, test.outcome, test.reason)
			}
			if onBus := len(b.bus.events) == 1; onBus != (resp.Status == 202) {
				t.Errorf("status %d with %d events on the bus", resp.Status, len(b.bus.events))
			}
			if (resp.Body.RunID != "") != (resp.Status == 202) {
				t.Errorf("status %d with run %q", resp.Status, resp.Body.RunID)
			}
		})
	}
}

// labels returns n labels of our own, each with a number of characters.
func labels(n, length int) []string {
	out := make([]string, n)
	for i := range out {
		stem := "run:" + string(rune('0'+i%10)) + "-" + strings.Repeat("x", i/10)
		out[i] = stem + strings.Repeat("a", max(0, length-len(stem)))
	}
	return out
}

func TestRequests(t *testing.T) {
	body := queued(t)
	form := []byte(url.Values{"payload": {string(body)}}.Encode())
	tests := map[string]struct {
		body   []byte
		change func(*Request)
		status int
		reason string
	}{
		"names of headers in any case": {body, func(r *Request) {
			r.Header = map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "workflow_job", "X-Hub-Signature-256": sign(secret, body)}
		}, 202, ""},
		"a content type with a charset":   {body, func(r *Request) { r.Header["content-type"] = "Application/JSON; charset=utf-8" }, 202, ""},
		"a form":                          {form, func(r *Request) { r.Header["content-type"] = "application/x-www-form-urlencoded" }, 202, ""},
		"a form with a charset":           {form, func(r *Request) { r.Header["content-type"] = "application/x-www-form-urlencoded;charset=UTF-8" }, 202, ""},
		"a form without a payload":        {[]byte("a=b"), func(r *Request) { r.Header["content-type"] = "application/x-www-form-urlencoded" }, 400, "no field payload"},
		"a form that is none":             {[]byte("%zz"), func(r *Request) { r.Header["content-type"] = "application/x-www-form-urlencoded" }, 400, "is not a form"},
		"text":                            {body, func(r *Request) { r.Header["content-type"] = "text/plain" }, 415, "content type to application/json"},
		"no content type":                 {body, func(r *Request) { delete(r.Header, "content-type") }, 415, "content type"},
		"base64":                          {body, func(r *Request) { r.Body, r.IsBase64 = encode(body), true }, 202, ""},
		"base64 of a form":                {form, func(r *Request) { r.Body, r.IsBase64, r.Header["content-type"] = encode(form), true, formType }, 202, ""},
		"base64 that is none":             {body, func(r *Request) { r.IsBase64 = true }, 400, "is marked as base64"},
		"another method":                  {body, func(r *Request) { r.Method = "GET" }, 405, "POST"},
		"1 MiB":                           {padded(body, MaxBody), func(*Request) {}, 202, ""},
		"one byte more":                   {padded(body, MaxBody+1), func(*Request) {}, 413, "larger than 1 MiB"},
		"1 MiB in base64":                 {padded(body, MaxBody), func(r *Request) { r.Body, r.IsBase64 = encode(r.Body), true }, 202, ""},
		"one byte more in base64":         {padded(body, MaxBody+1), func(r *Request) { r.Body, r.IsBase64 = encode(r.Body), true }, 413, "larger than 1 MiB"},
		"another method with a huge body": {padded(body, MaxBody+1), func(r *Request) { r.Method = "PUT" }, 405, ""},
		"text with a wrong signature":     {body, func(r *Request) { r.Header["content-type"], r.Header["x-hub-signature-256"] = "text/plain", "" }, 415, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			r := sent("workflow_job", test.body)
			test.change(&r)
			resp := b.send(r)
			if resp.Status != test.status || !strings.Contains(resp.Body.Reason, test.reason) {
				t.Errorf("got %d %+v, want %d …%s…", resp.Status, resp.Body, test.status, test.reason)
			}
			if allow := resp.Header["Allow"]; (allow == "POST") != (test.status == 405) {
				t.Errorf("status %d with Allow: %q", resp.Status, allow)
			}
		})
	}
}

func encode(body []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(body)) }

// padded is the body with spaces up to a size.
func padded(body []byte, size int) []byte {
	return append(slices.Clone(body), bytes.Repeat([]byte(" "), size-len(body))...)
}

func TestOthersDown(t *testing.T) {
	b := newBench()
	b.bus.err = errDown
	resp := b.send(sent("workflow_job", queued(t)))
	if resp.Status != 503 || resp.Body.Status != Unavailable || resp.Header["Retry-After"] == "" || resp.Body.RunID != "" {
		t.Errorf("the bus is down: got %+v", resp)
	}
	if strings.Contains(resp.Body.Reason, errDown.Error()) || !strings.Contains(b.log.String(), errDown.Error()) {
		t.Errorf("the cause belongs into the log only: %+v, %s", resp.Body, b.log)
	}

	b = newBench()
	b.keys.err = errors.New("no access")
	if resp := b.send(sent("workflow_job", queued(t))); resp.Status != 503 || len(b.bus.events) != 0 {
		t.Errorf("the secrets are out of reach: got %+v", resp)
	}
}

func TestNoPanicEscapes(t *testing.T) {
	b := newBench()
	b.NewID = func() string { panic("boom") }
	resp := b.send(sent("workflow_job", queued(t)))
	if resp.Status != 500 || resp.Body.Status != Failed {
		t.Errorf("got %+v", resp)
	}
	if log := b.log.String(); strings.Contains(log, "boom") || !strings.Contains(log, "webhook_test.go") {
		t.Errorf("the log should tell where, not with what: %s", log)
	}
}

func TestEventsStaySmall(t *testing.T) {
	wild := strings.Repeat("\x01<", 550)
	long := make([]string, fleet.MaxLabels-1) // and self-hosted
	for i := range long {
		long[i] = "run:" + strings.Repeat("\x02", i) + wild
	}
	text := []change{set("workflow_job.name", wild), set("workflow_job.workflow_name", wild), set("workflow_job.head_branch", wild),
		set("workflow_job.html_url", wild), set("workflow_job.conclusion", wild), set("workflow_job.labels", long)}
	b := newBench()
	if resp := b.send(sent("workflow_job", queued(t, text...))); resp.Status != 202 || resp.Body.Status != Refused {
		t.Fatalf("got %+v", resp)
	}
	if size := len(b.bus.events[0].Detail); size > 250<<10 {
		t.Errorf("an event of %d bytes; EventBridge takes 256 KiB", size)
	}
	job := b.bus.last(t).Job
	if d := b.Policy.Admit(job); d.Rule != "labels.too_long" {
		t.Errorf("what is left gets another decision: %+v", d)
	}

	ours := set("workflow_job.runner_name", "fleet-77-1.1")
	b.send(sent("workflow_job", queued(t, set("action", "in_progress"), ours, set("workflow_job.labels", labels(500, 1)))))
	if job := b.bus.last(t).Job; len(job.Labels) != fleet.MaxLabels+1 {
		t.Errorf("%d labels are left", len(job.Labels))
	}
}

// The deciding step gets the labels as the workflow has them: GitHub matches those.
func TestLabelsGoOnAsTheyAre(t *testing.T) {
	b := newBench()
	b.Policy.Registries = fleet.DefaultRegistries
	for _, labels := range [][]string{
		{"self-hosted", "class:small\n"},
		{"self-hosted", "", "Class:SMALL", "class:small"},
		{"image:ghcr.io/octo-org/build-image:V1.2"},
	} {
		b.send(sent("workflow_job", queued(t, set("workflow_job.labels", labels))))
		var want fleet.Job
		want.Private, want.Labels = true, labels
		if diff := cmp.Diff(b.Policy.Admit(want), b.Policy.Admit(b.bus.last(t).Job)); diff != "" {
			t.Errorf("%q: the bus gets another decision:\n%s", labels, diff)
		}
	}
	if got := b.bus.last(t).Job.Labels; !slices.Equal(got, []string{"image:ghcr.io/octo-org/build-image:V1.2"}) {
		t.Errorf("got %q", got)
	}
}

func TestLogLine(t *testing.T) {
	b := newBench()
	b.send(sent("workflow_job", queued(t, set("workflow_job.labels", []string{"k8s"}))))
	var got map[string]any
	if err := json.Unmarshal([]byte(b.log.String()), &got); err != nil {
		t.Fatalf("not one line: %s", b.log)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "webhook", "delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "event": "workflow_job", "action": "queued",
		"repository": "octo-org/app", "job_id": 14541957942., "status": "ignored", "http_status": 200., "reason": `label "k8s" is not one of this fleet's`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

package webhook

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// FuzzHandle sends anything, signed or not, and checks each answer for what must be
// true of all answers.
func FuzzHandle(f *testing.F) {
	for _, name := range fixtures(f) {
		event, _, _ := strings.Cut(name, "/")
		f.Add("POST", "application/json", event, "", fixture(f, name), true, false)
	}
	good := queued(f)
	f.Add("POST", "application/json", "workflow_job", "", good, true, false)
	f.Add("POST", "application/json", "workflow_job", "", good, false, false)
	f.Add("POST", "application/json", "workflow_job", sign(secret, good), good, false, false)
	f.Add("POST", "application/json; charset=utf-8", "workflow_job", "", encode(good), true, true)
	f.Add("POST", formType, "workflow_job", "", []byte(url.Values{"payload": {string(good)}}.Encode()), true, false)
	f.Add("POST", "application/json", "workflow_job", "sha256=", []byte("{"), false, true)
	f.Add("POST", "application/json", "ping", "", []byte(`{"hook":{"events":null}}`), true, false)
	f.Add("GET", "", "", "", []byte(nil), false, false)
	f.Add("POST", "application/json", "workflow_job", "", []byte(`{"action":"queued","workflow_job":{"id":1,"labels":[null,""," "],"status":"queued"},"repository":{"full_name":"octo-org/app"}}`), true, false)

	f.Fuzz(func(t *testing.T, method, contentType, event, signature string, body []byte, signed, isBase64 bool) {
		b := newBench()
		r := Request{Method: method, Body: body, IsBase64: isBase64, Header: map[string]string{
			"content-type": contentType, "x-github-event": event, "x-hub-signature-256": signature,
		}}
		if signed {
			raw, refusal := r.check()
			if refusal == nil {
				r.Header["x-hub-signature-256"] = sign(secret, raw)
			}
		}
		resp := b.send(r)
		switch resp.Status {
		case 200, 202, 400, 401, 403, 405, 413, 415:
		default:
			t.Errorf("status %d, %+v: %s", resp.Status, resp.Body, b.log)
		}
		if (resp.Status == 202) != (len(b.bus.events) == 1) || len(b.bus.events) > 1 {
			t.Errorf("status %d with %d events on the bus", resp.Status, len(b.bus.events))
		}
		if resp.Status != 202 {
			return
		}
		detail := b.bus.last(t)
		switch job := detail.Job; {
		case job.JobID <= 0 || !b.Policy.AllowsRepository(job.Repository):
			t.Errorf("accepted %+v", job)
		case detail.Action == fleet.JobQueued && job.Status != fleet.JobQueued:
			t.Errorf("a job that is %q would be launched", job.Status)
		case len(b.bus.events[0].Detail) > 250<<10:
			t.Errorf("an event of %d bytes", len(b.bus.events[0].Detail))
		}
	})
}

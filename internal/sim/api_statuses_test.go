package sim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// statuses is the address for those of the commit of a job, and the commit.
func statuses(w *world) (path, sha string) {
	job := w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
	sha = w.api("GET", fmt.Sprintf("/actions/jobs/%d", job), nil).body["head_sha"].(string)
	return "/statuses/" + sha, sha
}

func failed(description, context string) string {
	return fmt.Sprintf(`{"state": "failure", "description": %q, "context": %q}`, description, context)
}

func TestStatuses(t *testing.T) {
	w := newWorld(t, sim.Config{})
	path, sha := statuses(w)
	changed := w.Changed()
	body := fmt.Sprintf(`{"state": "failure", "description": %q, "context": %q, "target_url": "https://example.com/x"}`, strings.Repeat("ä", 140), strings.Repeat("ä", 255))
	got := w.api("POST", path, body)
	if got.status != 201 || got.body["state"] != "failure" || got.body["target_url"] != "https://example.com/x" {
		t.Errorf("%d %v", got.status, got.body)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is told")
	}
	if got := w.api("POST", path, `{"state": "success"}`); got.status != 201 || got.body["context"] != "default" || got.body["description"] != nil {
		t.Errorf("%d %v", got.status, got.body)
	}
	want := []sim.CommitStatus{
		{SHA: sha, State: "failure", TargetURL: "https://example.com/x", Description: strings.Repeat("ä", 140), Context: strings.Repeat("ä", 255)},
		{SHA: sha, State: "success", Context: "default"},
	}
	if diff := cmp.Diff(want, w.Statuses(), cmpopts.IgnoreFields(sim.CommitStatus{}, "ID", "CreatedAt")); diff != "" {
		t.Error(diff)
	}
}

func TestStatusesThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg     sim.Config
		to      string // "" is the commit of a job
		body    any
		status  int
		message string
		field   string
	}{
		"a credential that may not": {sim.Config{NoStatuses: true}, "", failed("d", "c"), 403, "Resource not accessible by personal access token", ""},
		"an unknown commit":         {sim.Config{}, "/statuses/" + strings.Repeat("0", 40), failed("d", "c"), 422, "No commit found for SHA: " + strings.Repeat("0", 40), ""},
		"no state":                  {sim.Config{}, "", onPurpose{`{}`}, 422, "Invalid request.\n\n\"state\" wasn't supplied.", ""},
		"another state":             {sim.Config{}, "", onPurpose{`{"state": "red"}`}, 422, "Validation Failed", "state"},
		"broken JSON":               {sim.Config{}, "", onPurpose{"{"}, 400, "Problems parsing JSON", ""},
		"a long description":        {sim.Config{}, "", failed(strings.Repeat("ä", 141), "c"), 422, "Validation Failed", "description"},
		"a long context":            {sim.Config{}, "", failed("d", strings.Repeat("ä", 256)), 422, "Validation Failed", "context"},
		"a link that is no page":    {sim.Config{}, "", `{"state": "failure", "target_url": "javascript:alert(1)"}`, 422, "Validation Failed", "target_url"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.cfg)
			path, _ := statuses(w)
			if tc.to != "" {
				path = tc.to
			}
			got := w.api("POST", path, tc.body)
			if got.status != tc.status || got.body["message"] != tc.message {
				t.Errorf("%d %v, want %d %q", got.status, got.body, tc.status, tc.message)
			}
			field := ""
			if errors, ok := got.body["errors"].([]any); ok {
				field = errors[0].(map[string]any)["field"].(string)
			}
			if field != tc.field {
				t.Errorf("it is about %q, want %q", field, tc.field)
			}
			if len(w.Statuses()) > 0 {
				t.Errorf("it has %v", w.Statuses())
			}
		})
	}
}

func TestAContextHasAThousandStatuses(t *testing.T) {
	w := newWorld(t, sim.Config{})
	path, _ := statuses(w)
	for range 1000 {
		if got := w.api("POST", path, failed("d", "c")); got.status != 201 {
			t.Fatalf("%d %v", got.status, got.body)
		}
	}
	if got := w.api("POST", path, failed("d", "c")); got.status != 422 {
		t.Errorf("the next one is answered with %d", got.status)
	}
	if got := w.api("POST", path, failed("d", "other")); got.status != 201 {
		t.Errorf("one of another context is answered with %d", got.status)
	}
}

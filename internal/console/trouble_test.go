package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// empty is a fleet without records, or one whose records do not answer.
type empty struct {
	report.Source
	failed   error
	settings report.Settings
}

func (e *empty) Settings(context.Context) (report.Settings, error) { return e.settings, e.failed }
func (e *empty) Capacity(context.Context) (fleet.Capacity, error)  { return fleet.Capacity{}, e.failed }
func (e *empty) HoldsBelow(context.Context, string, int) ([]fleet.Hold, error) {
	return nil, e.failed
}
func (e *empty) Cursor(context.Context, string) (string, error) { return "", e.failed }
func (e *empty) Runs(context.Context, int) ([]fleet.Run, error) { return nil, e.failed }
func (e *empty) RunsBelow(context.Context, report.RunList, report.Place, time.Time, int) (report.RunsRead, error) {
	return report.RunsRead{}, e.failed
}
func (e *empty) Runners(context.Context, int) ([]fleet.Runner, error) { return nil, e.failed }
func (e *empty) RunnersBelow(context.Context, report.Place, time.Time, int) (report.RunnersRead, error) {
	return report.RunnersRead{}, e.failed
}
func (e *empty) OpenRunners(context.Context) ([]fleet.Runner, error)       { return nil, e.failed }
func (e *empty) RunnersOf(context.Context, string) ([]fleet.Runner, error) { return nil, e.failed }
func (e *empty) Run(context.Context, string) (fleet.Run, bool, error) {
	return fleet.Run{}, false, e.failed
}
func (e *empty) Runner(context.Context, string) (fleet.Runner, bool, error) {
	return fleet.Runner{}, false, e.failed
}
func (e *empty) Actions(context.Context, time.Time, int) ([]fleet.Action, error) {
	return nil, e.failed
}
func (e *empty) Images(context.Context) ([]fleet.ImageRecord, error) { return nil, e.failed }
func (e *empty) Execution(context.Context, string) (execution.Execution, bool, error) {
	return execution.Execution{}, false, e.failed
}

func newEmpty(e *empty) *Console {
	return New(Options{Records: e, Place: "/var/lib/ecsrunner", Zone: time.UTC, Now: func() time.Time { return noon }})
}

func TestPagesOfAFleetWithoutRecords(t *testing.T) {
	c := newEmpty(&empty{settings: report.Settings{FleetName: "new", ClassSizes: map[string]fleet.Class{}}})
	for at, want := range map[string]string{
		"/": "Nothing waits", "/runs": "No job has arrived yet", "/runners": "was launched yet", "/images": "No image was built yet",
		"/classes": "no classes yet", "/events": "No operator has changed", "/repositories": "No repository has sent", "/try?labels=x": "has not noted its policy",
	} {
		if status, body := get(t, c, at); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q\n%s", at, status, want, body)
		}
	}
	if _, body := get(t, newEmpty(&empty{}), "/"); !strings.Contains(body, "The fleet has not noted anything yet.") {
		t.Errorf("a fleet that never started: %s", body)
	}
}

// TestAFleetThatWasStopped: records go on to say that jobs run after their fleet has gone.
func TestAFleetThatWasStopped(t *testing.T) {
	const says = "No fleet serves these records now."
	for name, serves := range map[string]func() bool{"not known": nil, "it serves": func() bool { return true }, "it was stopped": func() bool { return false }} {
		c := newBusy(t, func(o *Options) { o.Serves = serves })
		if _, body := get(t, c, "/"); strings.Contains(body, says) != (name == "it was stopped") {
			t.Errorf("%s: the page says otherwise", name)
		}
	}
}

func TestPagesOfAFleetWhoseRecordsDoNotAnswer(t *testing.T) {
	c := newEmpty(&empty{failed: errors.New("the table <b>is</b> gone")})
	for _, item := range menu {
		status, body := get(t, c, item.Href)
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "the table &lt;b&gt;is&lt;/b&gt; gone") || !strings.Contains(body, "ecsrunner doctor") {
			t.Errorf("%s: %d\n%s", item.Href, status, body)
		}
	}
}

// operator notes what it is asked for.
type operator struct {
	asked []string
	busy  bool
	err   error
}

func (o *operator) Pause(_ context.Context, by fleet.Operator) (operate.PauseResult, error) {
	o.asked = append(o.asked, "pause: "+by.Reason)
	return operate.PauseResult{}, o.err
}

func (o *operator) Resume(context.Context, fleet.Operator) (operate.ResumeResult, error) {
	o.asked = append(o.asked, "resume")
	return operate.ResumeResult{}, o.err
}

func (o *operator) Retry(_ context.Context, id string, _ fleet.Operator) (operate.RetryResult, error) {
	o.asked = append(o.asked, "retry "+id)
	return operate.RetryResult{Message: "it <b>waits</b> for nothing"}, o.err
}

func (o *operator) Terminate(_ context.Context, id string, force bool, by fleet.Operator) (operate.TerminateResult, error) {
	how := "terminate "
	if force {
		how = "terminate by force "
	}
	o.asked = append(o.asked, how+id+by.Reason)
	result := operate.TerminateResult{Outcome: lifecycle.TerminatedBusy, Message: "it has a job"}
	if !o.busy {
		result.Outcome = "ended"
	}
	return result, o.err
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		form   url.Values
		method string
		none   bool // of an operator
		wrong  bool // the token
		fails  bool
		busy   bool  // the runner
		err    error // of the operator
		asked  []string
		status int
		says   string
	}{
		"pause":                        {form: url.Values{"do": {"pause"}, "reason": {" new subnets "}}, asked: []string{"pause: new subnets"}, status: http.StatusSeeOther},
		"pause without a reason":       {form: url.Values{"do": {"pause"}}, status: http.StatusBadRequest, says: "a reason is needed"},
		"resume":                       {form: url.Values{"do": {"resume"}}, asked: []string{"resume"}, status: http.StatusSeeOther},
		"retry, and there is nothing":  {form: url.Values{"do": {"retry"}, "id": {"job-5"}}, asked: []string{"retry job-5"}, status: http.StatusOK, says: "it &lt;b&gt;waits&lt;/b&gt; for nothing"},
		"terminate":                    {form: url.Values{"do": {"terminate"}, "id": {"fleet-5-1"}, "back": {"/runners/fleet-5-1"}}, asked: []string{"terminate fleet-5-1"}, status: http.StatusSeeOther},
		"terminate by force":           {form: url.Values{"do": {"terminate"}, "id": {"fleet-5-1"}, "force": {"yes"}, "reason": {" it hangs"}}, asked: []string{"terminate by force fleet-5-1it hangs"}, status: http.StatusSeeOther},
		"it fails":                     {form: url.Values{"do": {"resume"}}, fails: true, asked: []string{"resume"}, status: http.StatusBadGateway, says: "It was not done: no answer"},
		"a runner that has a job":      {form: url.Values{"do": {"terminate"}, "id": {"fleet-5-1"}, "back": {"/runners/fleet-5-1"}}, busy: true, asked: []string{"terminate fleet-5-1"}, status: http.StatusOK, says: `href="/runners/fleet-5-1">Back</a>`},
		"a run that is not known":      {form: url.Values{"do": {"retry"}, "id": {"job-5"}}, err: report.NotFound{What: "run", ID: "job-5"}, asked: []string{"retry job-5"}, status: http.StatusNotFound, says: "It was not done: "},
		"nothing that there is":        {form: url.Values{"do": {"drain"}}, status: http.StatusBadRequest, says: "there is no change"},
		"by GET":                       {form: url.Values{"do": {"resume"}}, method: http.MethodGet, status: http.StatusNotFound},
		"without the token":            {form: url.Values{"do": {"resume"}}, wrong: true, status: http.StatusForbidden, says: "of another console"},
		"in a console that is to look": {form: url.Values{"do": {"resume"}}, none: true, status: http.StatusForbidden, says: "--allow-changes"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &operator{busy: c.busy, err: c.err}
			if c.fails {
				o.err = errors.New("no answer")
			}
			console := newEmpty(&empty{settings: report.Settings{FleetName: "fleet"}})
			if !c.none {
				console.Operator = o
			}
			c.form.Set("token", console.token)
			if c.wrong {
				c.form.Set("token", "guessed")
			}
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			r := httptest.NewRequestWithContext(t.Context(), method, "/change?"+c.form.Encode(), nil)
			if method == http.MethodPost {
				r = httptest.NewRequestWithContext(t.Context(), method, "/change", strings.NewReader(c.form.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := httptest.NewRecorder()
			console.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(c.asked, o.asked); diff != "" {
				t.Errorf("-want +asked:\n%s", diff)
			}
		})
	}
}

// A change leads back to the page that it was asked from, and nowhere else.
func TestAfterAChange(t *testing.T) {
	for back, want := range map[string]string{"/runs/job-5?a=b": "/runs/job-5?a=b", "": "/", "//evil.example": "/", "https://evil.example": "/", "/\\evil.example": "/", "/\t/evil.example": "/", "/.//evil.example": "/", "/..//evil.example": "/", "/\x00": "/"} {
		console := newEmpty(&empty{settings: report.Settings{FleetName: "fleet"}})
		console.Operator = &operator{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/change", strings.NewReader(url.Values{"token": {console.token}, "do": {"resume"}, "back": {back}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		console.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("from %q it leads to %q, not to %q", back, got, want)
		}
	}
}

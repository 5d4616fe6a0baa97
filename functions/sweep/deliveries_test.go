package sweep_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// hooked is a world whose webhook is known.
func hooked(t *testing.T) *world {
	w := lifecycletest.New(t)
	w.GitHub.HookID = 5
	tell(w, 1, 5)
	mustSweep(t, w)
	return w
}

// tell delivers a webhook with that id about a job that has long been waiting.
func tell(w *world, job, hookID int64) {
	known(w, w.Job(job))
	w.EditRun(fleet.RunID(job), func(r *fleet.Run) { r.Job.HookID, r.Status = hookID, fleet.RunRunning })
}

// delivers appends attempts, each with its GUID and the answer: "a500 b200".
func delivers(w *world, attempts string) {
	for _, one := range strings.Fields(attempts) {
		d := fleet.Delivery{ID: int64(len(w.GitHub.Delivered) + 1), GUID: one[:1], Event: fleet.WorkflowJobEvent}
		if d.GUID == "p" {
			d.Event = "ping"
		}
		_, _ = fmt.Sscan(one[1:], &d.Status)
		w.GitHub.Delivered = append(w.GitHub.Delivered, d)
	}
}

func TestDeliveries(t *testing.T) {
	cases := map[string]struct {
		first, then string  // deliveries before each sweep, an hour apart
		want        []int64 // requested again
	}{
		"none":                                      {},
		"all arrived":                               {first: "a200 b202 c204"},
		"an error of the receiver":                  {first: "a200 b500 c200", want: []int64{2}},
		"no answer in time":                         {first: "a0", want: []int64{1}},
		"refused by the receiver":                   {first: "a400 b401 c403 d422"},
		"throttled before the receiver":             {first: "a429", want: []int64{1}},
		"no route while it is deployed":             {first: "a404 b408", want: []int64{1, 2}},
		"throttled, and then refused":               {first: "a429", then: "a401", want: []int64{1}},
		"other events":                              {first: "p500 p0"},
		"a success after a failure counts":          {first: "a502 b200 a200"},
		"a failure after a success as well":         {first: "a200 b200 a502"},
		"a success later on":                        {first: "a502", then: "a200", want: []int64{1}},
		"a refusal later on":                        {first: "a502", then: "a401", want: []int64{1}},
		"a failure later on: the newest attempt":    {first: "a502", then: "b200 a503", want: []int64{1, 3}},
		"no word of the attempt: once more":         {first: "a502", want: []int64{1, 1}, then: "b200"},
		"the newest of several, the oldest first":   {first: "a500 b500 a500", want: []int64{2, 3}, then: "a200 b200"},
		"what was looked at is not looked at again": {first: "a200", then: "b200 a500", want: []int64{3}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := hooked(t)
			delivers(w, c.first)
			n := mustSweep(t, w)[sweep.DeliveryFailed]
			mustSweep(t, w) // at once: nothing is due
			w.Pass(time.Hour)
			delivers(w, c.then)
			if c.then != "" {
				n += mustSweep(t, w)[sweep.DeliveryFailed]
			}
			if !slices.Equal(w.GitHub.Redelivered, c.want) || n != len(c.want) {
				t.Errorf("asked for %d and counted %d, want %d", w.GitHub.Redelivered, n, c.want)
			}
		})
	}
}

// If a receiver is down for days, each webhook is requested six times in an hour or so,
// and the cursor stays small.
func TestReceiverThatStaysDown(t *testing.T) {
	w := hooked(t)
	delivers(w, "a500")
	var minutes []int
	for minute := range 24 * 60 {
		before := len(w.GitHub.Redelivered)
		mustSweep(t, w)
		if len(w.GitHub.Redelivered) > before {
			minutes = append(minutes, minute)
			delivers(w, "a500")
		}
		w.Pass(time.Minute)
	}
	if !slices.Equal(minutes, []int{0, 2, 6, 14, 30, 62}) {
		t.Errorf("asked after %d minutes", minutes)
	}
	cursor, _ := w.Records.Cursor(t.Context(), "delivery/octo/repo")
	if cursor, _, _ = strings.Cut(cursor, `,"credential"`); cursor != `{"until":7` {
		t.Errorf("the cursor is %s", cursor)
	}
}

func TestManyFailedDeliveries(t *testing.T) {
	w := hooked(t)
	for i := range int64(1000) {
		w.GitHub.Delivered = append(w.GitHub.Delivered, fleet.Delivery{ID: i + 1, GUID: fmt.Sprintf("%036d", i), Event: fleet.WorkflowJobEvent})
	}
	if got := mustSweep(t, w)[sweep.DeliveryFailed]; got != 30 {
		t.Errorf("asked for %d at once, want 30", got)
	}
	for range 10 {
		mustSweep(t, w)
	}
	if got := len(w.GitHub.Redelivered); got != 200 || slices.Min(w.GitHub.Redelivered) != 801 {
		t.Errorf("asked for %d, from %d on; want the newest 200", got, slices.Min(w.GitHub.Redelivered))
	}
	if cursor, _ := w.Records.Cursor(t.Context(), "delivery/octo/repo"); len(cursor) > 25_000 {
		t.Errorf("the cursor has %d characters", len(cursor))
	}
}

func TestRedeliverFails(t *testing.T) {
	cases := map[string]struct {
		name  string
		fails bool
		calls int
	}{
		"GitHub does not keep it any more":  {fleet.GitHubNotFound, false, 2},
		"GitHub refuses":                    {fleet.GitHubInvalid, false, 2},
		"GitHub limits the rate":            {fleet.GitHubRateLimited, true, 1},
		"GitHub is down":                    {fleet.GitHubUnavailable, true, 1},
		"the credential lacks a permission": {fleet.GitHubUnauthorized, true, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := hooked(t)
			delivers(w, "a500 b500")
			w.GitHub.Fails["Redeliver"] = fleet.Errorf(c.name, "no")
			w.GitHub.Calls = nil
			got, err := run(w)
			calls := 0
			for _, call := range w.GitHub.Calls {
				if call == "Redeliver" {
					calls++
				}
			}
			if (err != nil) != c.fails || calls != c.calls || len(got) != 0 {
				t.Errorf("%v after %d calls, counted %v", err, calls, got)
			}
			if hook, _ := w.Records.Cursor(t.Context(), "hook/octo/repo"); hook != "5" {
				t.Errorf("the webhook is %q", hook)
			}
			w.GitHub.Fails = map[string]error{}
			w.Pass(time.Hour)
			if got := mustSweep(t, w)[sweep.DeliveryFailed]; got != 2 {
				t.Errorf("%d were asked for an hour later, want 2", got)
			}
		})
	}
}

func TestWebhookOfARepository(t *testing.T) {
	hook := func(w *world) string { c, _ := w.Records.Cursor(t.Context(), "hook/octo/repo"); return c }
	cases := map[string]struct {
		setup func(t *testing.T, w *world)
		want  string
	}{
		"no job reported it":        {func(_ *testing.T, w *world) { delivers(w, "a500") }, ""},
		"a job reported it":         {func(_ *testing.T, w *world) { tell(w, 1, 5) }, "5"},
		"the newest job reports it": {func(_ *testing.T, w *world) { tell(w, 1, 4); w.Pass(1); tell(w, 2, 5) }, "5"},
		"GitHub spells the repository otherwise": {func(_ *testing.T, w *world) {
			tell(w, 1, 5)
			w.EditRun("job-1", func(r *fleet.Run) { r.Job.Repository = "Octo/Repo" })
		}, "5"},
		"a job of another repository": {func(_ *testing.T, w *world) {
			tell(w, 1, 5)
			w.EditRun("job-1", func(r *fleet.Run) { r.Job.Repository = "octo/other" })
		}, ""},
		"a header cannot replace a known one": {func(t *testing.T, w *world) { tell(w, 1, 5); mustSweep(t, w); w.Pass(1); tell(w, 2, 6) }, "5"},
		"GitHub does not know it":             {func(_ *testing.T, w *world) { tell(w, 1, 9) }, "-9"},
		"and is not asked again": {func(t *testing.T, w *world) {
			tell(w, 1, 9)
			mustSweep(t, w)
			w.GitHub.HookID = 9 // the sweep would find it now
		}, "-9"},
		"another one is learnt after that": {func(t *testing.T, w *world) { tell(w, 1, 9); mustSweep(t, w); w.Pass(1); tell(w, 2, 5) }, "5"},
		"a cursor that cannot be read is none": {func(t *testing.T, w *world) {
			tell(w, 1, 5)
			_ = w.Records.PutCursor(t.Context(), "hook/octo/repo", "five")
			_ = w.Records.PutCursor(t.Context(), "delivery/octo/repo", "12")
		}, "5"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.GitHub.HookID = 5
			c.setup(t, w)
			mustSweep(t, w)
			if got := hook(w); got != c.want || len(w.GitHub.Redelivered) > 0 {
				t.Errorf("the webhook is %q, want %q; redelivered %d", got, c.want, w.GitHub.Redelivered)
			}
		})
	}
}

// GitHub's list has no forged requests, so a 401 there means that the secrets differ.
func TestRefusedDeliveriesAreReportedOnce(t *testing.T) {
	w := hooked(t)
	delivers(w, "a401 b401 c403 d200")
	var log strings.Builder
	for range 2 {
		h := handler(w)
		h.Fleet.Log = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, says := range []string{"the webhook's secret is not the fleet's", "http_status=401 deliveries=2", "http_status=403 deliveries=1"} {
		if strings.Count(log.String(), says) != 1 {
			t.Errorf("want …%s… once:\n%s", says, log.String())
		}
	}
}

// The webhook of a GitHub App is every repository's: it is looked at once in a sweep.
func TestDeliveriesOfAnApp(t *testing.T) {
	w := lifecycletest.New(t)
	w.GitHub.HookID = fleet.AppHook
	tell(w, 1, fleet.AppHook)
	delivers(w, "a500 b200 c403")
	var log strings.Builder
	h := handler(w)
	h.Policy.GitHubApp = true
	h.Fleet.Log = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, call := range w.GitHub.Calls {
		if call == "Deliveries" {
			asked++
		}
	}
	if !slices.Equal(w.GitHub.Redelivered, []int64{1}) || asked != 1 {
		t.Errorf("requested %d again, and the list %d times", w.GitHub.Redelivered, asked)
	}
	if strings.Contains(log.String(), "refused") {
		t.Errorf("the log speaks of repositories that the App has and the fleet does not: %s", &log)
	}
	delivers(w, "d500")
	h.GitHub = notInstalled{w.GitHub}
	w.Pass(time.Minute)
	_, _ = h.Run(t.Context())
	if !slices.Contains(w.GitHub.Redelivered, 4) {
		t.Errorf("an App that the first repository has lost requests %d again", w.GitHub.Redelivered)
	}
	h.GitHub = w.GitHub
	w.GitHub.HookID = 5 // an App without a webhook
	if _, err := h.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// notInstalled is GitHub without a token for any repository.
type notInstalled struct{ *lifecycletest.GitHub }

func (notInstalled) Budget(context.Context, string, time.Time) (fleet.Budget, error) {
	return fleet.Budget{}, fleet.Errorf(fleet.GitHubNotFound, "the App is not installed")
}

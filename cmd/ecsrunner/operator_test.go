package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

const adasARN = "arn:aws:sts::111122223333:assumed-role/Operators/ada"

// oneItem stands in for a DynamoDB table: it keeps the last item, until it denies
// everything.
func oneItem(t *testing.T) (url string, denied *atomic.Bool) {
	var item json.RawMessage
	denied = new(atomic.Bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "" {
			_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>"+adasARN+"</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>")
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if denied.Load() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"no"}`)
			return
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		var request struct{ Item json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		answer := map[string]any{}
		switch operation {
		case "PutItem":
			item = request.Item
		case "GetItem":
			answer["Item"] = item
		default:
			t.Errorf("%s is asked for", operation)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, denied
}

// onAWS is a fleet on AWS that the environment names; only its table exists.
func onAWS(t *testing.T) (c *cloud, denied *atomic.Bool) {
	url, denied := oneItem(t)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "NO_PROXY": "*", dataDirVar: "", classSizesParam.variable: ""} {
		t.Setenv(name, value)
	}
	for _, p := range []part{recordsTable, stateMachine, ecsCluster, gitHubPAT, eventBus, buildProject, repository} {
		t.Setenv(p.variable, "some/name")
	}
	c, err := connect(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return c, denied
}

// The limits that an operator's command sends to an execution, and the room that it
// launches into, are those of the functions.
func TestTheOperatorGoesByTheDeployedPolicy(t *testing.T) {
	c, _ := onAWS(t)
	limits := fleet.DefaultLimits()
	limits.Inspect = 7 * time.Minute
	policy := fleet.Policy{FleetName: "ci", Repositories: []string{"octo-org/app", "octo-org/lib"}, MaxRunners: 20, Limits: limits}
	for name, test := range map[string]struct {
		policy     *fleet.Policy
		limits     fleet.Limits
		kept, many int
	}{
		"of this release":       {&policy, limits, 2, 2},
		"of the release before": {nil, fleet.DefaultLimits(), 0, 0},
	} {
		settings := report.Settings{FleetName: "ci", Repositories: policy.Repositories, MaxRunners: policy.MaxRunners, Policy: test.policy}
		if err := c.store().PutSettings(t.Context(), settings); err != nil {
			t.Fatal(err)
		}
		o, err := c.operator(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o.Fleet.Limits != test.limits || o.Fleet.KeptForOthers != test.kept || o.Fleet.Repositories != test.many {
			t.Errorf("%s: %+v, %d places kept, %d repositories", name, o.Fleet.Limits, o.Fleet.KeptForOthers, o.Fleet.Repositories)
		}
	}
}

// Commands trust the GitHub server by the fleet's settings.
func TestTheOperatorTrustsWhatTheFleetTrusts(t *testing.T) {
	c, _ := onAWS(t)
	settings := report.Settings{FleetName: "ci", Repositories: []string{"octo-org/app"}, GitHubURL: "https://git.corp.example", GitHubCA: "no certificate"}
	if err := c.store().PutSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if _, err := c.operator(t.Context()); err == nil || !strings.Contains(err.Error(), "github_ca has no certificate") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAWSSaysToAnOperatorIsExplained(t *testing.T) {
	c, denied := onAWS(t)
	if err := c.store().PutSettings(t.Context(), report.Settings{FleetName: "ci", Repositories: []string{"octo-org/app"}}); err != nil {
		t.Fatal(err)
	}
	operator, err := new(source).operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	denied.Store(true)
	ctx := t.Context()
	for name, operation := range map[string]func() error{
		"pause":           func() error { _, err := operator.Pause(ctx, fleet.Operator{Reason: "a move"}); return err },
		"resume":          func() error { _, err := operator.Resume(ctx, fleet.Operator{}); return err },
		"drain":           func() error { _, err := operator.Drain(ctx, true, fleet.Operator{}, func(string) {}); return err },
		"terminate":       func() error { _, err := operator.Terminate(ctx, "ci-7-1", true, fleet.Operator{}); return err },
		"retry":           func() error { _, err := operator.Retry(ctx, "job-7", fleet.Operator{}); return err },
		"build an image":  func() error { _, err := operator.BuildImage(ctx, fleet.ImageSpec{}, fleet.Operator{}); return err },
		"remove an image": func() error { _, err := operator.RemoveImage(ctx, "0123", fleet.Operator{}); return err },
		"refresh":         func() error { _, err := operator.RefreshImages(ctx, true, fleet.Operator{}); return err },
	} {
		if err := operation(); err == nil || !strings.HasPrefix(err.Error(), "AWS does not allow dynamodb:") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who changes a fleet on AWS is whom STS names, whatever the command says.
func TestTheOperatorOnAWSIsWhomSTSNames(t *testing.T) {
	c, _ := onAWS(t)
	e := explained{cloud: c, caller: c.caller(t.Context())}
	if by := e.as(fleet.Operator{By: "root", Reason: "why"}); by != (fleet.Operator{By: adasARN, Reason: "why"}) {
		t.Errorf("%+v", by)
	}
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuses.Close()
	t.Setenv("AWS_ENDPOINT_URL", refuses.URL)
	c, err := connect(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if who := c.caller(t.Context()); who != unknownCaller {
		t.Errorf("without STS: %q", who)
	}
}

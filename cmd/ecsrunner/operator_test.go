package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// oneItem stands in for a DynamoDB table: it keeps the item that was put last.
func oneItem(t *testing.T) *httptest.Server {
	var item json.RawMessage
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server
}

// What an operator's command tells an execution, and the room that it launches into, are
// those of the functions.
func TestTheOperatorGoesByTheDeployedPolicy(t *testing.T) {
	for _, p := range []part{recordsTable, stateMachine, ecsCluster, gitHubPAT, eventBus, buildProject, repository} {
		t.Setenv(p.variable, "some/name")
	}
	t.Setenv(classSizesParam.variable, "")
	c := &cloud{config: aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(oneItem(t).URL), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", ""),
	}}
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

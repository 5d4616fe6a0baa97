package dynamotest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamotest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// deletes counts the deletions that are requested, and refuses them while its process is
// said to be dead.
type deletes struct {
	http.RoundTripper
	dead  bool
	asked int
}

func (d *deletes) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DeleteItem") {
		if d.asked++; d.dead {
			return nil, errors.New("the process has died")
		}
	}
	return d.RoundTripper.RoundTrip(r)
}

// TestOnlyFunctionsTidyTheListOfOpenRunners closes a runner in a process that dies before it
// has deleted the runner's entry in the list.
func TestOnlyFunctionsTidyTheListOfOpenRunners(t *testing.T) {
	wire := &deletes{RoundTripper: dynamotest.New(dynamo.TableDefinition())}
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: wire}, RetryMaxAttempts: 1,
	})
	var ids atomic.Int64
	options := dynamo.Options{Now: time.Now, NewID: func() string { return fmt.Sprint("write-", ids.Add(1)) }}
	command := dynamo.New(client, "records", options)
	options.Tidies = true
	function := dynamo.New(client, "records", options)

	runner := fleet.Runner{Schema: fleet.Schema, RunnerID: "fleet-7-1", RunID: "job-7", Phase: fleet.Open, Status: fleet.RunnerStarting}
	if err := function.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner}}); err != nil {
		t.Fatal(err)
	}
	runner, _, err := function.Runner(t.Context(), runner.RunnerID)
	if err != nil {
		t.Fatal(err)
	}
	wire.dead, runner.Phase = true, fleet.Closed
	if err := function.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner}}); err != nil {
		t.Fatal(err)
	}
	wire.dead, wire.asked = false, 0

	for _, c := range []struct {
		by    string
		store *dynamo.Store
		want  int
	}{{"a command", command, 0}, {"a function", function, 1}, {"a function that finds the list tidy", function, 0}} {
		wire.asked = 0
		open, err := c.store.OpenRunners(t.Context())
		if err != nil || len(open) != 0 || wire.asked != c.want {
			t.Errorf("%s lists %v, %v, and requests %d deletions, want %d", c.by, open, err, wire.asked, c.want)
		}
	}
}

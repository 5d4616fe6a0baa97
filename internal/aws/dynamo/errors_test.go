package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// answering is a DynamoDB that gives every request the same answer.
type answering struct {
	status int // 0: it does not answer
	body   string
	asked  int
	heard  string // the last request
}

func (a *answering) Do(r *http.Request) (*http.Response, error) {
	a.asked++
	if sent, err := io.ReadAll(r.Body); err == nil {
		a.heard = string(sent)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if a.status == 0 {
		return nil, errors.New("connection refused")
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func (a *answering) store() *dynamo.Store {
	return dynamo.New(dynamodb.New(dynamodb.Options{
		Region: "us-east-1", HTTPClient: a, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	}), "table", options(time.Now))
}

func refusal(name string) string {
	return `{"__type": "com.amazonaws.dynamodb.v20120810#` + name + `", "message": "why"}`
}

func cancelled(reasons ...string) string {
	var list []string
	for _, r := range reasons {
		list = append(list, `{"Code": "`+r+`", "Message": "why"}`)
	}
	return `{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "why", "CancellationReasons": [` + strings.Join(list, ", ") + `]}`
}

var (
	single  = fleet.Changes{Runs: []fleet.Run{run(1)}}
	several = fleet.Changes{Runs: []fleet.Run{run(1)}, Capacity: &fleet.Capacity{Open: 1}}
)

func TestErrorsOfWritesHaveNames(t *testing.T) {
	for name, c := range map[string]struct {
		changes fleet.Changes
		status  int
		body    string
		want    string
	}{
		"a version that has changed":             {single, 400, refusal("ConditionalCheckFailedException"), fleet.RecordsConflict},
		"a record that a transaction holds":      {single, 400, refusal("TransactionConflictException"), fleet.RecordsConflict},
		"a version of several that has changed":  {several, 400, cancelled("None", "ConditionalCheckFailed"), fleet.RecordsConflict},
		"another transaction under way":          {several, 400, cancelled("TransactionConflict", "None"), fleet.RecordsConflict},
		"a changed version and a throttle":       {several, 400, cancelled("ThrottlingError", "ConditionalCheckFailed"), fleet.RecordsConflict},
		"another transaction and a throttle":     {several, 400, cancelled("TransactionConflict", "ThrottlingError"), fleet.RecordsUnavailable},
		"a transaction over the limit":           {several, 400, cancelled("None", "ProvisionedThroughputExceeded"), fleet.RecordsUnavailable},
		"the same transaction still under way":   {several, 400, refusal("TransactionInProgressException"), fleet.RecordsUnavailable},
		"a transaction that is not valid":        {several, 400, cancelled("None", "ValidationError"), ""},
		"a write over the limit":                 {single, 400, refusal("ProvisionedThroughputExceededException"), fleet.RecordsUnavailable},
		"too many requests of the account":       {single, 400, refusal("RequestLimitExceeded"), fleet.RecordsUnavailable},
		"too many requests":                      {single, 400, refusal("ThrottlingException"), fleet.RecordsUnavailable},
		"an error inside DynamoDB":               {single, 500, refusal("InternalServerError"), fleet.RecordsUnavailable},
		"an answer of something before DynamoDB": {several, 503, "<html>", fleet.RecordsUnavailable},
		"an answer that cannot be read":          {single, 200, "<html>", fleet.RecordsUnavailable},
		"no answer to a write":                   {single, 0, "", fleet.RecordsUnavailable},
		"no answer to a transaction":             {several, 0, "", fleet.RecordsUnavailable},
		"a missing permission":                   {single, 400, refusal("AccessDeniedException"), ""},
		"a missing table":                        {several, 400, refusal("ResourceNotFoundException"), ""},
		"a request that is not valid":            {single, 400, refusal("ValidationException"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&answering{status: c.status, body: c.body}).store().Write(t.Context(), c.changes)
			if err == nil || fleet.ErrorName(err) != c.want {
				t.Errorf("got %v (%q), want %q", err, fleet.ErrorName(err), c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "run#job-1/run") {
				t.Errorf("%q does not say which record was written", err)
			}
		})
	}
}

func TestErrorsOfEveryOtherRequestHaveNames(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *dynamo.Store) error{
		"Run":               func(ctx context.Context, s *dynamo.Store) error { _, _, err := s.Run(ctx, "job-1"); return err },
		"Capacity":          func(ctx context.Context, s *dynamo.Store) error { _, err := s.Capacity(ctx); return err },
		"Runs":              func(ctx context.Context, s *dynamo.Store) error { _, err := s.Runs(ctx, 1); return err },
		"OpenRunners":       func(ctx context.Context, s *dynamo.Store) error { _, err := s.OpenRunners(ctx); return err },
		"UnresolvedRunners": func(ctx context.Context, s *dynamo.Store) error { _, err := s.UnresolvedRunners(ctx, 1); return err },
		"WaitingForRoom":    func(ctx context.Context, s *dynamo.Store) error { _, err := s.WaitingForRoom(ctx, 1); return err },
		"Image":             func(ctx context.Context, s *dynamo.Store) error { _, _, err := s.Image(ctx, "tag"); return err },
		"PutImage": func(ctx context.Context, s *dynamo.Store) error {
			return s.PutImage(ctx, fleet.ImageRecord{Tag: "tag"})
		},
		"Images":      func(ctx context.Context, s *dynamo.Store) error { _, err := s.Images(ctx); return err },
		"DeleteImage": func(ctx context.Context, s *dynamo.Store) error { return s.DeleteImage(ctx, "tag") },
		"JoinBuild": func(ctx context.Context, s *dynamo.Store) error {
			_, err := s.JoinBuild(ctx, "tag", "f-1-1", start, time.Minute)
			return err
		},
		"RenewBuild":           func(ctx context.Context, s *dynamo.Store) error { return s.RenewBuild(ctx, "tag", "f-1-1@1", start) },
		"BuildLock":            func(ctx context.Context, s *dynamo.Store) error { _, err := s.BuildLock(ctx, "tag"); return err },
		"EndBuild":             func(ctx context.Context, s *dynamo.Store) error { return s.EndBuild(ctx, "tag", "f-1-1@1") },
		"PutCursor":            func(ctx context.Context, s *dynamo.Store) error { return s.PutCursor(ctx, "place", "1") },
		"PutCursor of nothing": func(ctx context.Context, s *dynamo.Store) error { return s.PutCursor(ctx, "place", "") },
		"TakeLease": func(ctx context.Context, s *dynamo.Store) error {
			_, err := s.TakeLease(ctx, "sweep", "me", start, start.Add(time.Minute))
			return err
		},
		"AddRepairs": func(ctx context.Context, s *dynamo.Store) error {
			return s.AddRepairs(ctx, map[string]int{"job_gone": 1})
		},
		"Repairs": func(ctx context.Context, s *dynamo.Store) error { _, err := s.Repairs(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			throttled := &answering{status: 400, body: refusal("ThrottlingException")}
			if err := ask(t.Context(), throttled.store()); !fleet.IsNamed(err, fleet.RecordsUnavailable) || throttled.asked != 1 {
				t.Errorf("throttled after %d requests: %v, want %s after one", throttled.asked, err, fleet.RecordsUnavailable)
			}
			over, end := context.WithCancel(t.Context())
			end()
			if err := ask(over, (&answering{}).store()); !errors.Is(err, context.Canceled) || fleet.ErrorName(err) != "" {
				t.Errorf("when the caller has given up: %v, want that it did", err)
			}
		})
	}
}

func TestABatchThatIsNeverWhole(t *testing.T) {
	// One answer for both requests: the index lists a run, and the batch leaves it out.
	k := `{"pk": {"S": "run#job-1"}, "sk": {"S": "run"}}`
	busy := &answering{status: 200, body: `{"Items": [` + k + `], "Responses": {}, "UnprocessedKeys": {"table": {"Keys": [` + k + `]}}}`}
	_, err := busy.store().Runs(t.Context(), 1)
	if !fleet.IsNamed(err, fleet.RecordsUnavailable) || busy.asked > 10 {
		t.Errorf("after %d requests: %v, want %s after some", busy.asked, err, fleet.RecordsUnavailable)
	}
}

func TestABuildThatEndsAllTheWhile(t *testing.T) {
	changing := &answering{status: 400, body: refusal("ConditionalCheckFailedException")}
	_, err := changing.store().JoinBuild(t.Context(), "tag", "f-1-1", start, time.Minute)
	if !fleet.IsNamed(err, fleet.RecordsConflict) || changing.asked > 20 {
		t.Errorf("after %d requests: %v, want %s after some", changing.asked, err, fleet.RecordsConflict)
	}
}

func TestATransactionSaysWhichWriteItIs(t *testing.T) {
	server := &answering{status: 200, body: "{}"}
	must(t, server.store().Write(t.Context(), several))
	var request struct{ ClientRequestToken string }
	must(t, json.Unmarshal([]byte(server.heard), &request))
	if id := request.ClientRequestToken; id == "" || strings.Count(server.heard, `{"S":"`+id+`"}`) != 2 {
		t.Errorf("the token %q is not the write id of both records: %s", id, server.heard)
	}
}

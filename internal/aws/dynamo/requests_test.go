package dynamo_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// listening is a DynamoDB whose lists have one entry and whose records are empty, and
// which keeps the requests that it gets.
type listening struct {
	entry    string // the key of the item that a Query finds
	requests []heard
}

// heard is one request.
type heard struct{ operation, body string }

func (l *listening) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	l.requests = append(l.requests, heard{operation, string(body)})
	answer := "{}"
	if operation == "Query" {
		answer = `{"Items": [` + l.entry + `]}`
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func (l *listening) store() *dynamo.Store {
	return dynamo.New(dynamodb.New(dynamodb.Options{
		Region: "us-east-1", HTTPClient: l,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	}), "table", options(func() time.Time { return start }))
}

// written is a Put as it is sent, in a transaction or alone.
type written struct {
	Item                      map[string]map[string]string
	ConditionExpression       string
	ExpressionAttributeValues map[string]map[string]string
}

// puts reads the records that the requests write, by their partition keys.
func (l *listening) puts(t *testing.T) map[string]written {
	t.Helper()
	found := map[string]written{}
	for _, r := range l.requests {
		var request struct {
			written
			TransactItems []struct{ Put *written }
		}
		must(t, json.Unmarshal([]byte(r.body), &request))
		if r.operation == "PutItem" {
			found[request.Item["pk"]["S"]] = request.written
		}
		for _, i := range request.TransactItems {
			if i.Put != nil {
				found[i.Put.Item["pk"]["S"]] = *i.Put
			}
		}
	}
	return found
}

// Every record is written under the version that was read, in a transaction and alone,
// and above all the capacity: two launches at once would both find room for one runner.
func TestEveryRecordIsWrittenUnderItsVersion(t *testing.T) {
	changes := func(version int64) (all fleet.Changes, each map[string]fleet.Changes) {
		run := run(7)
		run.Version = version
		runner := fleet.Runner{RunnerID: "f-7-1", Phase: fleet.Open, Version: version}
		capacity := &fleet.Capacity{Open: 1, Version: version}
		hold := fleet.Hold{Key: "build/node", Version: version}
		return fleet.Changes{Runs: []fleet.Run{run}, Runners: []fleet.Runner{runner}, Capacity: capacity, Holds: []fleet.Hold{hold}},
			map[string]fleet.Changes{
				"run#job-7":    {Runs: []fleet.Run{run}},
				"runner#f-7-1": {Runners: []fleet.Runner{runner}},
				"fleet":        {Capacity: capacity},
				"holds":        {Holds: []fleet.Hold{hold}},
			}
	}
	check := func(t *testing.T, put written, condition, version string) {
		t.Helper()
		if put.ConditionExpression != condition || put.ExpressionAttributeValues[":was"]["N"] != version {
			t.Errorf("%s is written on the condition %q with %v", put.Item["pk"]["S"], put.ConditionExpression, put.ExpressionAttributeValues)
		}
	}
	for version, want := range map[int64]struct{ condition, was string }{
		0: {"attribute_not_exists(#pk) OR #expires <= :now", ""},
		3: {"#version = :was", "3"},
	} {
		all, each := changes(version)
		server := &listening{}
		must(t, server.store().Write(t.Context(), all))
		puts := server.puts(t)
		delete(puts, "open_runners") // an entry, which goes with its runner
		if len(puts) != 4 || len(server.requests) != 1 {
			t.Fatalf("records %q in %d requests", slices.Sorted(maps.Keys(puts)), len(server.requests))
		}
		for _, put := range puts {
			check(t, put, want.condition, want.was)
		}
		for key, one := range each {
			server := &listening{}
			must(t, server.store().Write(t.Context(), one))
			put, ok := server.puts(t)[key]
			if !ok {
				t.Fatalf("%s is not written by %+v", key, server.requests)
			}
			check(t, put, want.condition, want.was)
		}
	}
}

// What the fleet decides by must be as the last answered write left it. An index cannot
// promise that, so the records that it lists are read again.
func TestWhatIsDecidedByIsReadConsistently(t *testing.T) {
	for name, c := range map[string]struct {
		ask   func(context.Context, *dynamo.Store) error
		entry string
		index bool // the Query is of an index, which has no consistent reads
	}{
		"Run":      {ask: func(ctx context.Context, s *dynamo.Store) error { _, _, err := s.Run(ctx, "job-1"); return err }},
		"Runner":   {ask: func(ctx context.Context, s *dynamo.Store) error { _, _, err := s.Runner(ctx, "f-1-1"); return err }},
		"Capacity": {ask: func(ctx context.Context, s *dynamo.Store) error { _, err := s.Capacity(ctx); return err }},
		"Holds": {ask: func(ctx context.Context, s *dynamo.Store) error {
			_, err := s.Holds(ctx, []string{"build/node"})
			return err
		}},
		"Waiting": {
			ask: func(ctx context.Context, s *dynamo.Store) error {
				_, err := s.Waiting(ctx, fleet.OwnRetries, fleet.LaterOrder, 1)
				return err
			},
			entry: `{"pk": {"S": "run#job-1"}, "sk": {"S": "run"}}`, index: true,
		},
		"Image": {ask: func(ctx context.Context, s *dynamo.Store) error { _, _, err := s.Image(ctx, "tag"); return err }},
		"BuildLock": {
			ask: func(ctx context.Context, s *dynamo.Store) error { _, err := s.BuildLock(ctx, "tag"); return err },
		},
		"Cursor": {ask: func(ctx context.Context, s *dynamo.Store) error { _, err := s.Cursor(ctx, "place"); return err }},
		"OpenRunners, which are counted": {
			ask:   func(ctx context.Context, s *dynamo.Store) error { _, err := s.OpenRunners(ctx); return err },
			entry: `{"pk": {"S": "open_runners"}, "sk": {"S": "f-1-1"}}`,
		},
		"OpenRuns": {
			ask:   func(ctx context.Context, s *dynamo.Store) error { _, err := s.OpenRuns(ctx, 1); return err },
			entry: `{"pk": {"S": "run#job-1"}, "sk": {"S": "run"}}`, index: true,
		},
		"UnresolvedRunners": {
			ask:   func(ctx context.Context, s *dynamo.Store) error { _, err := s.UnresolvedRunners(ctx, 1); return err },
			entry: `{"pk": {"S": "runner#f-1-1"}, "sk": {"S": "runner"}}`, index: true,
		},
		"WaitingForRoom": {
			ask:   func(ctx context.Context, s *dynamo.Store) error { _, err := s.WaitingForRoom(ctx, 1); return err },
			entry: `{"pk": {"S": "run#job-1"}, "sk": {"S": "run"}}`, index: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &listening{entry: c.entry}
			must(t, c.ask(t.Context(), server.store()))
			want := 1
			if c.entry != "" {
				want = 2
			}
			server.requests = slices.DeleteFunc(server.requests, func(r heard) bool { return r.operation == "DeleteItem" }) // an entry without a runner
			if len(server.requests) != want {
				t.Fatalf("%d requests, want %d: %+v", len(server.requests), want, server.requests)
			}
			for _, r := range server.requests {
				if listed := r.operation == "Query" && c.index; strings.Contains(r.body, `"ConsistentRead":true`) == listed {
					t.Errorf("%s asks for %s", r.operation, r.body)
				}
			}
		})
	}
}

// The list of open runners is counted, so a runner enters it in the very transaction that
// opens it, and leaves it when it is closed, not before.
func TestAnOpenRunnerHasAnEntry(t *testing.T) {
	for name, c := range map[string]struct {
		phase   fleet.Phase
		version int64
		want    string
	}{
		"opened":           {fleet.Open, 0, "Put"},
		"changed":          {fleet.Open, 1, ""},
		"being ended":      {fleet.Closing, 1, ""},
		"closed":           {fleet.Closed, 1, "Delete"},
		"closed when made": {fleet.Closed, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := &listening{}
			must(t, server.store().Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{{RunnerID: "f-7-1", Phase: c.phase, Version: c.version}}}))
			var request struct {
				TransactItems []struct {
					Put *struct{ Item map[string]any }
				}
			}
			must(t, json.Unmarshal([]byte(server.requests[0].body), &request))
			entry := map[string]any{"pk": map[string]any{"S": "open_runners"}, "sk": map[string]any{"S": "f-7-1"}}
			put := false
			for _, item := range request.TransactItems {
				put = put || item.Put != nil && cmp.Equal(item.Put.Item, entry)
			}
			last := server.requests[len(server.requests)-1]
			deleted := len(server.requests) == 2 && last.operation == "DeleteItem" && strings.Contains(last.body, `"S":"open_runners"`) && strings.Contains(last.body, `"S":"f-7-1"`)
			if put != (c.want == "Put") || deleted != (c.want == "Delete") {
				t.Errorf("the entry is put: %t, deleted: %t, in %+v", put, deleted, server.requests)
			}
		})
	}
}

// The owner of a build may have lost its lock to another owner, which must not notice.
func TestALockIsItsOwners(t *testing.T) {
	for name, act := range map[string]func(context.Context, *dynamo.Store) error{
		"RenewBuild": func(ctx context.Context, s *dynamo.Store) error { return s.RenewBuild(ctx, "tag", "f-1-1@1", start) },
		"EndBuild":   func(ctx context.Context, s *dynamo.Store) error { return s.EndBuild(ctx, "tag", "f-1-1@1") },
	} {
		server := &listening{}
		must(t, act(t.Context(), server.store()))
		var request struct {
			ConditionExpression       string
			ExpressionAttributeValues map[string]map[string]string
		}
		must(t, json.Unmarshal([]byte(server.requests[0].body), &request))
		if request.ConditionExpression != "build_owner = :owner" || request.ExpressionAttributeValues[":owner"]["S"] != "f-1-1@1" {
			t.Errorf("%s acts on the condition %q with %v", name, request.ConditionExpression, request.ExpressionAttributeValues)
		}
	}
}

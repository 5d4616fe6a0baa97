//go:build aws

package dynamo_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

// onEach runs a test on every available DynamoDB: moto, and DynamoDB Local if it is
// installed.
func onEach(t *testing.T, test func(*testing.T, aws.Config)) {
	t.Run("moto", func(t *testing.T) { test(t, awstest.Config(t)) })
	if cfg, ok := awstest.DynamoDBLocal(t); ok {
		t.Run("DynamoDB Local", func(t *testing.T) { test(t, cfg) })
	}
}

// newTable makes a table as the deployment does.
func newTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	name := fmt.Sprintf("fleet-%d", writes.Add(1))
	d := dynamo.TableDefinition()
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	attributes := map[string]bool{d.PartitionKey: true, d.SortKey: true}
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys(d.PartitionKey, d.SortKey)}
	for _, index := range d.Indexes {
		attributes[index.PartitionKey], attributes[index.SortKey] = true, true
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(index.Name), KeySchema: keys(index.PartitionKey, index.SortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		})
	}
	for attribute := range attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestStore(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		storetest.Run(t, func(t *testing.T) storetest.Store {
			return dynamo.New(client, newTable(t, client), options(time.Now))
		})
	})
}

// TestStoreInSmallPages reads every list in pages of two, and gets no batch whole.
func TestStoreInSmallPages(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		storetest.Run(t, func(t *testing.T) storetest.Store {
			return dynamo.New(narrow{client}, newTable(t, client), options(time.Now))
		})
	})
}

func TestClosedRecordsExpire(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		at := start
		client := dynamodb.NewFromConfig(cfg)
		s := dynamo.New(client, newTable(t, client), options(func() time.Time { return at }))
		ended, amended := run(1).Move(fleet.RunCompleted, ""), run(2).Move(fleet.RunFailed, "why")
		closed := runner("f-1-1")
		closed.Phase, closed.Unresolved = fleet.Closed, true
		must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{ended, amended, run(3)}, Runners: []fleet.Runner{closed, runner("f-2-1")}}))
		amended.Version = 1
		must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{amended.Move(fleet.RunRunning, "")}}))

		at = start.Add(retention - time.Second)
		found(t, s, "before", "job-3 job-2 job-1", "f-2-1 f-1-1", "f-1-1")
		at = start.Add(retention)
		found(t, s, "after", "job-3 job-2", "f-2-1", "")
		if _, ok, err := s.Run(t.Context(), "job-1"); ok || err != nil {
			t.Errorf("a run that has expired is there (%t), %v", ok, err)
		}
		// DynamoDB has not deleted it, and yet it can be made again.
		must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run(1)}}))
		found(t, s, "made anew", "job-3 job-2 job-1", "f-2-1", "")
	})
}

func found(t *testing.T, s *dynamo.Store, when, runs, runners, unresolved string) {
	t.Helper()
	gotRuns, err := s.Runs(t.Context(), 9)
	must(t, err)
	gotRunners, err := s.Runners(t.Context(), 9)
	must(t, err)
	gotUnresolved, err := s.UnresolvedRunners(t.Context(), 9)
	must(t, err)
	if diff := cmp.Diff([]string{runs, runners, unresolved}, []string{ids(gotRuns), ids(gotRunners), ids(gotUnresolved)}); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func TestAnIndexThatIsBehind(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		behind := &stale{Client: client, answers: map[string]*dynamodb.QueryOutput{}}
		s := dynamo.New(behind, newTable(t, client), options(time.Now))
		waiting, unresolved := run(1), runner("f-1-1")
		waiting.WaitsForRoom = true
		unresolved.Unresolved, unresolved.Phase = true, fleet.Closed
		must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{waiting}, Runners: []fleet.Runner{unresolved}}))
		listed := func() string {
			runs, err := s.OpenRuns(t.Context(), 9)
			must(t, err)
			runners, err := s.UnresolvedRunners(t.Context(), 9)
			must(t, err)
			room, err := s.WaitingForRoom(t.Context(), 9)
			must(t, err)
			return ids(runs) + "|" + ids(runners) + "|" + strings.Join(room, " ")
		}
		if got, want := listed(), "job-1|f-1-1|job-1"; got != want {
			t.Errorf("listed %s, want %s", got, want)
		}
		waiting.Version, waiting.WaitsForRoom = 1, false
		unresolved.Version, unresolved.Unresolved = 1, false
		must(t, s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{waiting.Move(fleet.RunCompleted, "")}, Runners: []fleet.Runner{unresolved}}))
		if got := listed(); got != "||" {
			t.Errorf("listed %s by an index that is behind, want nothing", got)
		}
	})
}

// TestAnswersGetLost loses answers of requests that were carried out.
func TestAnswersGetLost(t *testing.T) {
	both := fleet.Changes{Runs: []fleet.Run{run(1)}, Runners: []fleet.Runner{runner("f-1-1")}, Capacity: &fleet.Capacity{Open: 1}}
	for name, c := range map[string]struct {
		lost int // answers
		act  func(*testing.T, *dynamo.Store) error
		want string // the error's name
	}{
		"one, of a single record": {1, writing(fleet.Changes{Runs: []fleet.Run{run(1)}}), ""},
		"one, of a transaction":   {1, writing(both), ""},
		"two, of a transaction":   {2, writing(both), ""},
		"all, of a single record": {3, writing(fleet.Changes{Runs: []fleet.Run{run(1)}}), fleet.RecordsUnavailable},
		"all, of a transaction":   {3, writing(both), fleet.RecordsUnavailable},
		"one, of joining a build": {1, func(t *testing.T, s *dynamo.Store) error {
			owner, err := s.JoinBuild(t.Context(), "tag", "f-1-1", start, time.Minute)
			if want := fleet.BuildOwner("f-1-1", start); err == nil && owner != want {
				t.Errorf("the first to join owns the build as %q, want %q", owner, want)
			}
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, cfg aws.Config) {
				line := &lossy{lose: c.lost}
				table := newTable(t, dynamodb.NewFromConfig(cfg))
				cfg.HTTPClient = line
				s := dynamo.New(dynamodb.NewFromConfig(cfg), table, options(time.Now))
				if err := c.act(t, s); fleet.ErrorName(err) != c.want || (err == nil) != (c.want == "") {
					t.Errorf("got %v, want %q", err, c.want)
				}
				if line.changed {
					t.Error("a request was not repeated as it was")
				}
				line.lose = 0
				if r, ok, err := s.Run(t.Context(), "job-1"); err != nil || ok && r.Version != 1 {
					t.Errorf("run %+v, %t, %v", r, ok, err)
				}
				err := s.Write(t.Context(), both)
				if joined := strings.Contains(name, "join"); fleet.IsNamed(err, fleet.RecordsConflict) == joined {
					t.Errorf("another write of the same: %v", err)
				}
			})
		})
	}
}

// TestRepairsOfALostAnswerCountOnce needs DynamoDB Local: moto does not recognize a
// transaction by its token.
func TestRepairsOfALostAnswerCountOnce(t *testing.T) {
	cfg, ok := awstest.DynamoDBLocal(t)
	if !ok {
		t.Skip("DynamoDB Local is not installed")
	}
	table := newTable(t, dynamodb.NewFromConfig(cfg))
	cfg.HTTPClient = &lossy{lose: 2}
	s := dynamo.New(dynamodb.NewFromConfig(cfg), table, options(time.Now))
	must(t, s.AddRepairs(t.Context(), map[string]int{"job_gone": 3}))
	if got, err := s.Repairs(t.Context()); err != nil || got["job_gone"] != 3 {
		t.Errorf("repairs %v, %v; want 3", got, err)
	}
}

func TestARecordThatIsTooLarge(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		s := dynamo.New(client, newTable(t, client), options(time.Now))
		large := run(1)
		large.Reason = strings.Repeat("x", 400<<10)
		if err := s.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{large}}); err == nil || fleet.ErrorName(err) != "" {
			t.Errorf("got %v, want an error without a name: trying again is no use", err)
		}
	})
}

func writing(changes fleet.Changes) func(*testing.T, *dynamo.Store) error {
	return func(t *testing.T, s *dynamo.Store) error { return s.Write(t.Context(), changes) }
}

// lossy sends requests on and loses the first answers.
type lossy struct {
	mu      sync.Mutex
	lose    int
	sent    []byte
	changed bool
}

func (l *lossy) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := http.DefaultClient.Do(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || l.lose == 0 {
		return answer, err
	}
	l.changed = l.changed || l.sent != nil && !bytes.Equal(l.sent, body)
	l.sent = body
	l.lose--
	_ = answer.Body.Close()
	return nil, errors.New("the answer got lost")
}

func TestABuildThatEndsWhileARunnerJoins(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		table := newTable(t, client)
		s := dynamo.New(client, table, options(time.Now))
		first, err := s.JoinBuild(t.Context(), "tag", "f-1-1", start, time.Minute)
		must(t, err)
		late := dynamo.New(&interrupted{Client: client, then: func() { must(t, s.EndBuild(t.Context(), "tag", first)) }}, table, options(time.Now))
		owner, err := late.JoinBuild(t.Context(), "tag", "f-2-1", start, time.Minute)
		if err != nil || owner == "" {
			t.Errorf("owner %q, %v: want the one who came late to begin the next build", owner, err)
		}
		if lock, err := s.BuildLock(t.Context(), "tag"); err != nil || strings.Join(lock.Waiters, " ") != "f-2-1" {
			t.Errorf("lock %+v, %v", lock, err)
		}
	})
}

// The previous release stored the bare id of a build's owner.
func TestAnOwnerOfThePreviousRelease(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		table := newTable(t, client)
		s := dynamo.New(client, table, options(time.Now))
		_, err := s.JoinBuild(t.Context(), "tag", "f-1-1", start, time.Minute)
		must(t, err)
		id := &types.AttributeValueMemberS{Value: "f-1-1"}
		_, err = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName:        &table,
			Key:              map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "image#tag"}, "sk": &types.AttributeValueMemberS{Value: "build"}},
			UpdateExpression: aws.String("SET build_owner = :id"), ExpressionAttributeValues: map[string]types.AttributeValue{":id": id},
		})
		must(t, err)
		for _, want := range []struct{ runner, owner string }{{"f-2-1", ""}, {"f-1-1", fleet.BuildOwner("f-1-1", start)}} {
			owner, err := s.JoinBuild(t.Context(), "tag", want.runner, start, time.Minute)
			if must(t, err); owner != want.owner {
				t.Errorf("%s owns it as %q, want %q", want.runner, owner, want.owner)
			}
		}
	})
}

// TestAClosedRunnerLeavesNoEntry checks that the list of open runners does not grow for
// ever.
func TestAClosedRunnerLeavesNoEntry(t *testing.T) {
	onEach(t, func(t *testing.T, cfg aws.Config) {
		client := dynamodb.NewFromConfig(cfg)
		table := newTable(t, client)
		s := dynamo.New(client, table, options(time.Now))
		must(t, s.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner("f-1-1"), runner("f-2-1")}}))
		closed := runner("f-1-1")
		closed.Version, closed.Phase = 1, fleet.Closed
		must(t, s.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{closed}}))
		entries, err := client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: aws.String("pk = :pk"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "open_runners"}},
		})
		if must(t, err); len(entries.Items) != 1 {
			t.Errorf("%d entries of open runners, want one", len(entries.Items))
		}
	})
}

package dynamo

import (
	"context"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	batchMost = 100 // the most items of one BatchGetItem
	// batchRounds is how often items that a BatchGetItem left out are requested again.
	batchRounds = 5
)

// Runs lists runs, the newest first, at most limit.
func (s *Store) Runs(ctx context.Context, limit int) ([]fleet.Run, error) {
	return listed(ctx, s, question[fleet.Run]{index: indexNewest, of: listRun, newestFirst: true, limit: limit})
}

// Runners lists runners, the newest first, at most limit.
func (s *Store) Runners(ctx context.Context, limit int) ([]fleet.Runner, error) {
	return listed(ctx, s, question[fleet.Runner]{index: indexNewest, of: listRunner, newestFirst: true, limit: limit})
}

// RunnersOf lists the runners launched for a run, in that order.
func (s *Store) RunnersOf(ctx context.Context, runID string) ([]fleet.Runner, error) {
	return listed(ctx, s, question[fleet.Runner]{index: indexOfRun, of: runID, limit: math.MaxInt})
}

// OpenRuns lists up to limit runs that have not ended, the oldest first.
func (s *Store) OpenRuns(ctx context.Context, limit int) ([]fleet.Run, error) {
	return listed(ctx, s, question[fleet.Run]{
		index: indexUnfinished, of: listRun, limit: limit,
		still: func(r fleet.Run) bool { return !r.Status.Terminal() },
	})
}

// UnresolvedRunners lists up to limit runners that took a job which is not known yet,
// the newest first.
func (s *Store) UnresolvedRunners(ctx context.Context, limit int) ([]fleet.Runner, error) {
	return listed(ctx, s, question[fleet.Runner]{
		index: indexUnfinished, of: listRunner, newestFirst: true, limit: limit,
		still: func(r fleet.Runner) bool { return r.Unresolved },
	})
}

// WaitingForRoom lists up to limit runs that wait for room, the oldest first. One
// that began to wait some milliseconds ago may be missing.
func (s *Store) WaitingForRoom(ctx context.Context, limit int) ([]string, error) {
	runs, err := listed(ctx, s, question[fleet.Run]{
		index: indexWaiting, of: listRoom, limit: limit,
		still: func(r fleet.Run) bool { return r.WaitsForRoom },
	})
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.RunID)
	}
	return ids, err
}

// OpenRunners lists the runners that are not closed, ordered by id. It sees every write
// that was answered before, so it may be counted: the package's comment says how.
func (s *Store) OpenRunners(ctx context.Context) ([]fleet.Runner, error) {
	query := &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK},
		ExpressionAttributeValues: item{":pk": text(openRunnerKey("").pk)},
	}
	var open []fleet.Runner
	for {
		page, err := s.client.Query(ctx, query)
		if err != nil {
			return nil, named(err, "list open runners")
		}
		var keys []key
		for _, entry := range page.Items {
			keys = append(keys, runnerKey(textOf(entry, attrSK)))
		}
		runners, err := records[fleet.Runner](ctx, s, keys, consistent)
		if err != nil {
			return nil, err
		}
		isOpen := map[string]bool{}
		for _, r := range runners {
			if r.Phase != fleet.Closed {
				open, isOpen[r.RunnerID] = append(open, r), true
			}
		}
		for _, entry := range page.Items {
			if id := textOf(entry, attrSK); !isOpen[id] && s.options.Tidies {
				s.forgetOpen(ctx, id) // who closed it died before that
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			return open, nil
		}
		query.ExclusiveStartKey = page.LastEvaluatedKey
	}
}

// question is one query of an index.
type question[T any] struct {
	index, of   string
	newestFirst bool
	limit       int
	upTo        string // the order, of indexRetry alone
	// still reports, from the record itself, whether it belongs to the list. It is nil
	// for lists that decide nothing.
	still func(T) bool
}

// listed queries an index and reads the records that it names.
func listed[T any](ctx context.Context, s *Store, q question[T]) ([]T, error) {
	query := &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &q.index, ScanIndexForward: aws.Bool(!q.newestFirst),
		KeyConditionExpression:    aws.String("#of = :of"),
		ExpressionAttributeNames:  map[string]string{"#of": q.index},
		ExpressionAttributeValues: item{":of": text(q.of)},
	}
	if q.upTo != "" {
		// Keys of that very order come after it, with their ids.
		query.KeyConditionExpression = aws.String("#of = :of AND #order < :after")
		query.ExpressionAttributeNames["#order"] = attrRetryAt
		query.ExpressionAttributeValues[":after"] = text(q.upTo + "$")
	}
	var found []T
	for len(found) < q.limit {
		query.Limit = aws.Int32(int32(min(q.limit-len(found), batchMost)))
		page, err := s.client.Query(ctx, query)
		if err != nil {
			return nil, named(err, "list %s %s", q.index, q.of)
		}
		var keys []key
		for _, entry := range page.Items {
			keys = append(keys, keyOf(entry))
		}
		listed, err := records[T](ctx, s, keys, consistency(q.still != nil))
		if err != nil {
			return nil, err
		}
		for _, record := range listed {
			if q.still == nil || q.still(record) {
				found = append(found, record)
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			break
		}
		query.ExclusiveStartKey = page.LastEvaluatedKey
	}
	return found, nil
}

// records reads records by their keys, in that order, without those that do not exist
// or have expired.
func records[T any](ctx context.Context, s *Store, keys []key, c consistency) ([]T, error) {
	items := map[key]item{}
	for batch := range slices.Chunk(keys, batchMost) {
		if err := s.getBatch(ctx, batch, c, items); err != nil {
			return nil, err
		}
	}
	var found []T
	for _, k := range keys {
		i, ok := items[k]
		if !ok || s.expired(i) {
			continue
		}
		record, err := decode[T](i)
		if err != nil {
			return nil, err
		}
		found = append(found, record)
	}
	return found, nil
}

func (s *Store) getBatch(ctx context.Context, keys []key, c consistency, into map[key]item) error {
	asked, asks := types.KeysAndAttributes{ConsistentRead: aws.Bool(bool(c))}, map[key]bool{}
	for _, k := range keys {
		if !asks[k] { // DynamoDB refuses a request that names a key twice
			asked.Keys = append(asked.Keys, k.attributes())
		}
		asks[k] = true
	}
	for range batchRounds {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{s.table: asked}})
		if err != nil {
			return named(err, "read %d records", len(asked.Keys))
		}
		for _, i := range out.Responses[s.table] {
			into[keyOf(i)] = i
		}
		left := out.UnprocessedKeys[s.table].Keys
		if len(left) == 0 {
			return nil
		}
		asked.Keys = left // DynamoDB answers with 16 MB at most, and with less when it is busy
	}
	return fleet.Errorf(fleet.RecordsUnavailable, "read %d records: DynamoDB left %d out %d times", len(keys), len(asked.Keys), batchRounds)
}

package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// indexOf is the index that has a list of runs, and the list's key in it.
func indexOf(list report.RunList) (index, of string) {
	switch list.By {
	case report.ByRepository:
		return indexRepository, list.Of
	case report.ByClass:
		return indexClass, list.Of
	case report.ByEnd:
		return indexEnded, list.Of
	case report.ByOpen:
		return indexUnfinished, listRun
	}
	return indexNewest, listRun
}

// RunsBelow reads up to limit runs of a list that are older than a place and no older than
// a time, the newest first. A run that has just come into the list may be missing.
func (s *Store) RunsBelow(ctx context.Context, list report.RunList, below report.Place, since time.Time, limit int) (report.RunsRead, error) {
	index, of := indexOf(list)
	keys, next, err := s.below(ctx, index, of, below, since, limit)
	if err != nil {
		return report.RunsRead{}, err
	}
	runs, err := records[fleet.Run](ctx, s, keys, eventual)
	return report.RunsRead{Runs: runs, Next: next}, err
}

// RunnersBelow reads up to limit runners that are older than a place and were launched no
// earlier than a time, the newest first. One that was just launched may be missing.
func (s *Store) RunnersBelow(ctx context.Context, below report.Place, since time.Time, limit int) (report.RunnersRead, error) {
	keys, next, err := s.below(ctx, indexNewest, listRunner, below, since, limit)
	if err != nil {
		return report.RunnersRead{}, err
	}
	runners, err := records[fleet.Runner](ctx, s, keys, eventual)
	return report.RunnersRead{Runners: runners, Next: next}, err
}

// below reads the keys of up to limit records of a list that are older than a place, and the
// place to go on below.
func (s *Store) below(ctx context.Context, index, of string, below report.Place, since time.Time, limit int) (keys []key, next report.Place, err error) {
	from, upTo := "", "~" // a time begins with a digit
	if !since.IsZero() {
		from = sortable(since)
	}
	if (below != report.Place{}) {
		upTo = sortable(below.At) + "#" + below.RunID
	}
	if from > upTo {
		return nil, next, nil
	}
	query := &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &index, ScanIndexForward: aws.Bool(false),
		KeyConditionExpression:    aws.String("#of = :of AND #since BETWEEN :from AND :up_to"),
		ExpressionAttributeNames:  map[string]string{"#of": index, "#since": attrSince},
		ExpressionAttributeValues: item{":of": text(of), ":from": text(from), ":up_to": text(upTo)},
	}
	if from == "" { // DynamoDB takes no empty text as a key
		query.KeyConditionExpression = aws.String("#of = :of AND #since <= :up_to")
		delete(query.ExpressionAttributeValues, ":from")
	}
	var places []string
	for len(keys) <= limit {
		// One key more says that the list goes on, and another one may be the place itself.
		query.Limit = aws.Int32(int32(limit + 2 - len(keys)))
		page, err := s.client.Query(ctx, query)
		if err != nil {
			return nil, next, named(err, "list %s %s", index, of)
		}
		for _, entry := range page.Items {
			if place := textOf(entry, attrSince); place != upTo {
				keys, places = append(keys, keyOf(entry)), append(places, place)
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			break
		}
		query.ExclusiveStartKey = page.LastEvaluatedKey
	}
	if len(keys) > limit {
		keys = keys[:limit]
		next = placeOf(places[limit-1])
	}
	return keys, next, nil
}

// RunnersByID reads the runners that there are of the ids, in no order.
func (s *Store) RunnersByID(ctx context.Context, ids []string) ([]fleet.Runner, error) {
	var keys []key
	for _, id := range ids {
		keys = append(keys, runnerKey(id))
	}
	return records[fleet.Runner](ctx, s, keys, eventual)
}

package dynamo

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// fewHolds is how many holds cost less to read than one key for each that there may be:
// DynamoDB bills a key that is not there as a read, and holds by their size together.
const fewHolds = 50

// Holds reads those of the keys that are there. A fleet has few holds or none, so all of
// them are read at once; where there are many, each key is.
func (s *Store) Holds(ctx context.Context, keys []string) (map[string]fleet.Hold, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	page, err := s.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(fewHolds),
		KeyConditionExpression:    aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK},
		ExpressionAttributeValues: item{":pk": text(holdKey("").pk)},
	})
	if err != nil {
		return nil, named(err, "read holds")
	}
	if len(page.LastEvaluatedKey) == 0 {
		holds := map[string]fleet.Hold{}
		for _, i := range page.Items {
			if !slices.Contains(keys, textOf(i, attrSK)) {
				continue
			}
			hold, err := decode[fleet.Hold](i)
			if err != nil {
				return nil, err
			}
			holds[hold.Key] = hold
		}
		return holds, nil
	}
	asked := make([]key, len(keys))
	for i, k := range keys {
		asked[i] = holdKey(k)
	}
	found, err := records[fleet.Hold](ctx, s, asked, consistent)
	if err != nil {
		return nil, err
	}
	holds := map[string]fleet.Hold{}
	for _, hold := range found {
		holds[hold.Key] = hold
	}
	return holds, nil
}

// HoldsBelow lists up to limit holds whose keys begin with prefix, ordered by key.
func (s *Store) HoldsBelow(ctx context.Context, prefix string, limit int) ([]fleet.Hold, error) {
	query := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK},
		ExpressionAttributeValues: item{":pk": text(holdKey("").pk)},
	}
	if prefix != "" { // DynamoDB refuses an empty value of a key
		query.KeyConditionExpression = aws.String("#pk = :pk AND begins_with(#sk, :prefix)")
		query.ExpressionAttributeNames["#sk"] = attrSK
		query.ExpressionAttributeValues[":prefix"] = text(prefix)
	}
	var found []fleet.Hold
	for len(found) < limit {
		query.Limit = aws.Int32(int32(limit - len(found)))
		page, err := s.client.Query(ctx, query)
		if err != nil {
			return nil, named(err, "list holds")
		}
		for _, i := range page.Items {
			hold, err := decode[fleet.Hold](i)
			if err != nil {
				return nil, err
			}
			found = append(found, hold)
		}
		if len(page.LastEvaluatedKey) == 0 {
			break
		}
		query.ExclusiveStartKey = page.LastEvaluatedKey
	}
	return found, nil
}

// Waiting lists up to limit runs of a list up to an order, in that order. One that began
// to wait some milliseconds ago may be missing.
func (s *Store) Waiting(ctx context.Context, list, upTo string, limit int) ([]string, error) {
	runs, err := listed(ctx, s, question[fleet.Run]{
		index: indexRetry, of: list, limit: limit, upTo: upTo,
		still: func(r fleet.Run) bool {
			of, order := r.WaitList()
			return of == list && order <= upTo
		},
	})
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.RunID)
	}
	return ids, err
}

// forget deletes a hold, at the version that was read.
func (s *Store) forget(hold fleet.Hold) *types.Delete {
	return &types.Delete{
		TableName: &s.table, Key: holdKey(hold.Key).attributes(), ConditionExpression: aws.String("#version = :was"),
		ExpressionAttributeNames:  map[string]string{"#version": attrVersion},
		ExpressionAttributeValues: item{":was": number(hold.Version)},
	}
}

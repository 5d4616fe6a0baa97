package dynamo

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Write writes all changes or none. It fails with Records.Conflict if a record is
// not at the version that was read. A runner that was closed stays closed.
//
// If an answer is lost, the SDK sends the same request again, with the same write id.
// DynamoDB recognizes a repeated transaction for ten minutes, and a stored record with
// our write id is ours. So a conflict always means another writer, and the caller reads
// again and decides on new facts. After the last attempt the error is
// Records.Unavailable, and the change may have been made: every caller must read before
// it goes on, and must not treat the change as refused.
func (s *Store) Write(ctx context.Context, changes fleet.Changes) error {
	id := s.options.NewID()
	items, err := s.writes(changes, id)
	switch {
	case err != nil || len(items) == 0:
		return err
	case len(items) == 1 && items[0].Put != nil:
		err = s.put(ctx, items[0].Put, id)
	default:
		err = s.transact(ctx, items, id)
	}
	if err != nil {
		return err
	}
	for _, runner := range changes.Runners {
		if runner.Phase == fleet.Closed && runner.Version != 0 {
			s.forgetOpen(ctx, runner.RunnerID)
		}
	}
	return nil
}

// forgetOpen deletes the entry of a runner that is closed. The list leaves closed runners
// out, and deletes what is left of them: so this need not be in the transaction that closes
// the runner, at twice the price, and may fail.
func (s *Store) forgetOpen(ctx context.Context, runnerID string) {
	_, _ = s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: openRunnerKey(runnerID).attributes()})
}

// writes lists the writes that make changes in the table.
func (s *Store) writes(changes fleet.Changes, id string) (items []types.TransactWriteItem, err error) {
	put := func(i item, was int64) {
		i[attrWriteID] = text(id)
		items = append(items, types.TransactWriteItem{Put: s.versioned(i, was)})
	}
	for _, run := range changes.Runs {
		i, err := s.runItem(run)
		if err != nil {
			return nil, err
		}
		put(i, run.Version)
	}
	for _, runner := range changes.Runners {
		i, err := s.runnerItem(runner)
		if err != nil {
			return nil, err
		}
		put(i, runner.Version)
		if runner.Phase != fleet.Closed && runner.Version == 0 {
			items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: openRunnerKey(runner.RunnerID).attributes()}})
		}
	}
	if c := changes.Capacity; c != nil {
		was, next := c.Version, *c
		next.Version++
		i, err := encode(fleetKey("capacity"), next)
		if err != nil {
			return nil, err
		}
		i[attrVersion] = number(next.Version)
		put(i, was)
	}
	for _, hold := range changes.Holds {
		was := hold.Version
		if hold.Over {
			items = append(items, types.TransactWriteItem{Delete: s.forget(hold)})
			continue
		}
		hold.Version++
		i, err := encode(holdKey(hold.Key), hold)
		if err != nil {
			return nil, err
		}
		i[attrVersion] = number(hold.Version)
		put(i, was)
	}
	for _, action := range changes.Actions {
		i, err := s.actionItem(action)
		if err != nil {
			return nil, err
		}
		items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: i}})
	}
	return items, nil
}

// versioned puts an item in place of the version that was read; 0 makes it. An expired
// item counts as none.
func (s *Store) versioned(i item, was int64) *types.Put {
	put := &types.Put{TableName: &s.table, Item: i, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if was == 0 {
		put.ConditionExpression = aws.String("attribute_not_exists(#pk) OR #expires <= :now")
		put.ExpressionAttributeNames = map[string]string{"#pk": attrPK, "#expires": attrExpires}
		put.ExpressionAttributeValues = item{":now": number(s.options.Now().Unix())}
		return put
	}
	put.ConditionExpression = aws.String("#version = :was")
	put.ExpressionAttributeNames = map[string]string{"#version": attrVersion}
	put.ExpressionAttributeValues = item{":was": number(was)}
	return put
}

// put is a transaction of one item, at half the price.
func (s *Store) put(ctx context.Context, p *types.Put, id string) error {
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: p.TableName, Item: p.Item,
		ConditionExpression: p.ConditionExpression, ExpressionAttributeNames: p.ExpressionAttributeNames, ExpressionAttributeValues: p.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: p.ReturnValuesOnConditionCheckFailure,
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) && textOf(failed.Item, attrWriteID) == id {
		return nil
	}
	return named(err, "write %s", keyOf(p.Item))
}

func (s *Store) transact(ctx context.Context, items []types.TransactWriteItem, id string) error {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: &id})
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		for _, reason := range cancelled.CancellationReasons {
			if textOf(reason.Item, attrWriteID) == id {
				return nil
			}
		}
	}
	return named(err, "write %s", keysOf(items))
}

// keysOf names the records that a transaction changes.
func keysOf(items []types.TransactWriteItem) string {
	var names []string
	for _, i := range items {
		switch {
		case i.Put != nil && i.Put.ConditionExpression != nil:
			names = append(names, keyOf(i.Put.Item).String())
		case i.Delete != nil && i.Delete.ConditionExpression != nil:
			names = append(names, keyOf(i.Delete.Key).String())
		case i.Update != nil:
			names = append(names, keyOf(i.Update.Key).String())
		}
	}
	return strings.Join(names, ", ")
}

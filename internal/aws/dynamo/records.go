package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Run reads one run.
func (s *Store) Run(ctx context.Context, runID string) (fleet.Run, bool, error) {
	return one[fleet.Run](ctx, s, runKey(runID), consistent)
}

// Runner reads one runner.
func (s *Store) Runner(ctx context.Context, runnerID string) (fleet.Runner, bool, error) {
	return one[fleet.Runner](ctx, s, runnerKey(runnerID), consistent)
}

// Capacity reads the count of open runners; before the first one it is zero.
func (s *Store) Capacity(ctx context.Context) (fleet.Capacity, error) {
	capacity, _, err := one[fleet.Capacity](ctx, s, fleetKey("capacity"), consistent)
	return capacity, err
}

// consistency says whether a read must see every write that was answered before.
type consistency bool

const (
	consistent consistency = true
	eventual   consistency = false // at half the price
)

// get reads one item, nil if it is not there or has expired.
func (s *Store) get(ctx context.Context, k key, c consistency) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: k.attributes(), ConsistentRead: aws.Bool(bool(c)),
	})
	if err != nil {
		return nil, named(err, "read %s", k)
	}
	if s.expired(out.Item) {
		return nil, nil
	}
	return out.Item, nil
}

// one reads one record.
func one[T any](ctx context.Context, s *Store, k key, c consistency) (record T, ok bool, err error) {
	i, err := s.get(ctx, k, c)
	if err != nil || i == nil {
		return record, false, err
	}
	record, err = decode[T](i)
	return record, err == nil, err
}

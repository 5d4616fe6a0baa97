package dynamo

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Cursor reads the place where the sweep stopped, "" if it has not been there.
func (s *Store) Cursor(ctx context.Context, name string) (string, error) {
	value, _, err := one[string](ctx, s, cursorKey(name), consistent)
	return value, err
}

// PutCursor stores the place where the sweep stopped; "" deletes it.
func (s *Store) PutCursor(ctx context.Context, name, value string) error {
	k := cursorKey(name)
	if value == "" {
		_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: k.attributes()})
		return named(err, "delete %s", k)
	}
	return s.replace(ctx, k, value)
}

// SwapCursor stores a value if the cursor still has the one that was read, "" if there
// was none. Otherwise it fails with Records.Conflict, also if an earlier attempt of
// this very request has succeeded.
func (s *Store) SwapCursor(ctx context.Context, name, was, value string) error {
	k := cursorKey(name)
	i, err := encode(k, value)
	if err != nil {
		return err
	}
	put := &dynamodb.PutItemInput{
		TableName: &s.table, Item: i, ConditionExpression: aws.String("attribute_not_exists(#record)"), ExpressionAttributeNames: map[string]string{"#record": attrRecord},
	}
	if was != "" {
		before, err := encode(k, was)
		if err != nil {
			return err
		}
		put.ConditionExpression, put.ExpressionAttributeValues = aws.String("#record = :was"), item{":was": before[attrRecord]}
	}
	_, err = s.client.PutItem(ctx, put)
	if failedCondition(err) {
		return fleet.Errorf(fleet.RecordsConflict, "cursor %s has changed", name)
	}
	return named(err, "write %s", k)
}

// Attributes of a lease.
const (
	attrLeaseOwner = "lease_owner"
	attrLeaseEnds  = "lease_ends" // in milliseconds of Unix time
)

// TakeLease takes a lease until a time, or extends it; a time that is over gives it up.
// It reports false if another holder has it.
func (s *Store) TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error) {
	k := cursorKey("lease/" + name)
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: k.attributes(),
		UpdateExpression:          aws.String("SET " + attrLeaseOwner + " = :owner, " + attrLeaseEnds + " = :until"),
		ConditionExpression:       aws.String("attribute_not_exists(" + attrLeaseEnds + ") OR " + attrLeaseEnds + " <= :now OR " + attrLeaseOwner + " = :owner"),
		ExpressionAttributeValues: item{":owner": text(owner), ":now": number(now.UnixMilli()), ":until": number(until.UnixMilli())},
	})
	if failedCondition(err) {
		return false, nil
	}
	return err == nil, named(err, "take the lease %s", name)
}

// repairPrefix stands before a cause in the name of the attribute that counts it.
const repairPrefix = "repaired#"

// repairTries is how often AddRepairs may collide with another sweep's.
const repairTries = 5

// AddRepairs adds to the counts of repairs, to all or to none.
func (s *Store) AddRepairs(ctx context.Context, repairs map[string]int) error {
	if len(repairs) == 0 {
		return nil
	}
	id := s.options.NewID()
	names, values, terms := map[string]string{}, item{}, []string{}
	for i, cause := range slices.Sorted(maps.Keys(repairs)) {
		n := strconv.Itoa(i)
		names["#c"+n], values[":n"+n] = repairPrefix+cause, number(int64(repairs[cause]))
		terms = append(terms, "#c"+n+" :n"+n)
	}
	add := []types.TransactWriteItem{{Update: &types.Update{
		TableName: &s.table, Key: fleetKey("repairs").attributes(),
		UpdateExpression:         aws.String("ADD " + strings.Join(terms, ", ")),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}}
	var err error
	for range repairTries {
		if err = s.transact(ctx, add, id); !fleet.IsNamed(err, fleet.RecordsConflict) {
			return err
		}
	}
	return err
}

// Repairs reads the counts of the sweep's repairs, by cause.
func (s *Store) Repairs(ctx context.Context) (map[string]int, error) {
	counted, err := s.get(ctx, fleetKey("repairs"), eventual)
	if err != nil {
		return nil, err
	}
	repairs := map[string]int{}
	for name := range counted {
		if cause, ok := strings.CutPrefix(name, repairPrefix); ok {
			repairs[cause] = int(numberOf(counted, name))
		}
	}
	return repairs, nil
}

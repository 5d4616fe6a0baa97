package dynamo

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Cursor reads a place that the sweep has come to, "" if it has not been there.
func (s *Store) Cursor(ctx context.Context, name string) (string, error) {
	value, _, err := one[string](ctx, s, cursorKey(name), consistent)
	return value, err
}

// PutCursor keeps a place that the sweep has come to.
func (s *Store) PutCursor(ctx context.Context, name, value string) error {
	return s.replace(ctx, cursorKey(name), value)
}

// repairPrefix stands before a cause in the name of the attribute that counts it.
const repairPrefix = "repaired#"

// repairTries is how often two sweeps that count at once may meet.
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

// Repairs reads how often the sweep repaired what, by cause.
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

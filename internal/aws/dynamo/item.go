package dynamo

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// item is one item of the table. A record is one attribute, in JSON: its shape is
// package fleet's alone, and a new field of it does not change the table. The other
// attributes are only what keys and conditions need.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textOf(i item, name string) string {
	s, ok := i[name].(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}

// numberOf is 0 if the value is no whole number: the store writes no others.
func numberOf(i item, name string) int64 {
	n, ok := i[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0
	}
	return value
}

// encode makes the item of a record.
func encode(k key, record any) (item, error) {
	b, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", k, err)
	}
	i := k.attributes()
	i[attrRecord] = text(string(b))
	return i, nil
}

func decode[T any](i item) (record T, err error) {
	if err := json.Unmarshal([]byte(textOf(i, attrRecord)), &record); err != nil {
		return record, fmt.Errorf("decode %s: %w", keyOf(i), err)
	}
	return record, nil
}

func (s *Store) runItem(run fleet.Run) (item, error) {
	run.Version++
	i, err := encode(runKey(run.RunID), run)
	if err != nil {
		return nil, err
	}
	i[attrVersion] = number(run.Version)
	i[attrSince] = since(run.At(fleet.StageReceived), run.RunID)
	i[indexNewest] = text(listRun)
	if run.WaitsForRoom {
		i[indexWaiting] = text(listRoom)
	}
	if list, order := run.WaitList(); list != "" {
		i[indexRetry], i[attrRetryAt] = text(list), text(order+"#"+run.RunID)
	}
	if run.Job.Repository != "" {
		i[indexRepository] = text(report.RepositoryList(run.Job.Repository).Of)
	}
	if run.ClassName != "" {
		i[indexClass] = text(run.ClassName)
	}
	if run.Status.Terminal() {
		s.expire(i)
		i[indexEnded] = text(string(run.Status))
	} else {
		i[indexUnfinished] = text(listRun)
	}
	return i, nil
}

func (s *Store) runnerItem(runner fleet.Runner) (item, error) {
	runner.Version++
	i, err := encode(runnerKey(runner.RunnerID), runner)
	if err != nil {
		return nil, err
	}
	i[attrVersion] = number(runner.Version)
	i[attrSince] = since(runner.At(fleet.StageLaunched), runner.RunnerID)
	i[indexNewest] = text(listRunner)
	if runner.RunID != "" {
		i[indexOfRun] = text(runner.RunID)
	}
	if runner.Unresolved {
		i[indexUnfinished] = text(listRunner)
	}
	if runner.Phase == fleet.Closed {
		s.expire(i)
	}
	return i, nil
}

// since sorts as times do, and by the id where they are equal.
func since(at time.Time, id string) types.AttributeValue { return text(sortable(at) + "#" + id) }

const sortableTime = "2006-01-02T15:04:05.000000000Z"

// sortable writes a time so that texts sort as times do.
func sortable(at time.Time) string { return at.UTC().Format(sortableTime) }

// placeOf reads what since wrote of a run.
func placeOf(since string) report.Place {
	at, id, _ := strings.Cut(since, "#")
	received, _ := time.Parse(sortableTime, at) // the store writes no other times
	return report.Place{At: received, RunID: id}
}

func (s *Store) expire(i item) {
	if s.options.Retention > 0 {
		i[attrExpires] = number(s.options.Now().Add(s.options.Retention).Unix())
	}
}

// expired reports whether an item only still exists because DynamoDB has not deleted it
// yet, which may take days.
func (s *Store) expired(i item) bool {
	at := numberOf(i, attrExpires)
	return at != 0 && at <= s.options.Now().Unix()
}

//go:build aws

package dynamo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

// BenchmarkQuestions shows that an answer takes as long, and as many requests, with 100,000
// runs as with 1,000. It needs DynamoDB Local.
func BenchmarkQuestions(b *testing.B) {
	cfg, ok := awstest.DynamoDBLocal(b)
	if !ok {
		b.Skip("DynamoDB Local is not installed")
	}
	client := dynamodb.NewFromConfig(cfg)
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("runs=%d", n), func(b *testing.B) {
			table := fmt.Sprintf("questions-%d-%d", n, time.Now().UnixNano())
			counted := &counting{Client: client}
			s := New(counted, table, Options{Now: time.Now, NewID: func() string { return "none" }})
			makeTable(b, client, table)
			fill(b, client, s, n)
			if err := s.PutSettings(b.Context(), storetest.Settings()); err != nil {
				b.Fatal(err)
			}
			storetest.BenchmarkQuestions(b, withoutExecutions{s}, n, counted.requests.Load)
		})
	}
}

// counting counts the requests that read.
type counting struct {
	*dynamodb.Client
	requests atomic.Int64
}

func (c *counting) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.requests.Add(1)
	return c.Client.GetItem(ctx, in, o...)
}

func (c *counting) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	c.requests.Add(1)
	return c.Client.BatchGetItem(ctx, in, o...)
}

func (c *counting) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	c.requests.Add(1)
	return c.Client.Query(ctx, in, o...)
}

// withoutExecutions is a report.Source without Step Functions.
type withoutExecutions struct{ *Store }

func (withoutExecutions) Execution(context.Context, string) (execution.Execution, bool, error) {
	return execution.Execution{}, false, nil
}

func (withoutExecutions) ExecutionList(context.Context, int) ([]execution.Execution, error) {
	return nil, nil
}

func (withoutExecutions) History(context.Context, string) ([]execution.Event, error) {
	return nil, nil
}

func makeTable(b *testing.B, client *dynamodb.Client, name string) {
	b.Helper()
	d := TableDefinition()
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	attributes := map[string]bool{d.PartitionKey: true, d.SortKey: true}
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys(d.PartitionKey, d.SortKey)}
	for _, index := range d.Indexes {
		attributes[index.PartitionKey], attributes[index.SortKey] = true, true
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &index.Name, KeySchema: keys(index.PartitionKey, index.SortKey), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		})
	}
	for attribute := range attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := client.CreateTable(b.Context(), in); err != nil {
		b.Fatal(err)
	}
}

// fill writes the items of n jobs as the store makes them, 24 in a batch at most.
func fill(b *testing.B, client *dynamodb.Client, s *Store, n int) {
	b.Helper()
	const atOnce = 8
	var writers sync.WaitGroup
	firsts := make(chan int)
	failed := make(chan error, 4)
	for range cap(failed) {
		writers.Go(func() {
			for first := range firsts {
				var puts []types.WriteRequest
				for i := first; i < min(n, first+atOnce); i++ {
					run, runner := storetest.Past(i, n)
					of, err := s.runItem(run)
					if err == nil {
						puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: of}})
						of, err = s.runnerItem(runner)
					}
					if err != nil {
						failed <- err
						return
					}
					puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: of}})
					if runner.Phase != fleet.Closed {
						puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: openRunnerKey(runner.RunnerID).attributes()}})
					}
				}
				out, err := client.BatchWriteItem(b.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: puts}})
				if err == nil && len(out.UnprocessedItems) > 0 {
					err = fmt.Errorf("%d items were not written", len(out.UnprocessedItems[s.table]))
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for first := 0; first < n && len(failed) == 0; first += atOnce {
		select {
		case firsts <- first:
		case err := <-failed:
			b.Fatal(err)
		}
	}
	close(firsts)
	writers.Wait()
	if len(failed) > 0 {
		b.Fatal(<-failed)
	}
}

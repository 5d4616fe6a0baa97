package dynamotest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamotest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

// TestTheStoreWorksOnIt is what the store's users may expect of a table.
func TestTheStoreWorksOnIt(t *testing.T) {
	var ids atomic.Int64
	storetest.Run(t, func(*testing.T) storetest.Store {
		client := dynamodb.New(dynamodb.Options{
			Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: dynamotest.New(dynamo.TableDefinition())},
		})
		return dynamo.New(client, "records", dynamo.Options{Now: time.Now, NewID: func() string { return fmt.Sprint("write-", ids.Add(1)) }})
	})
}

// TestUnits compares with DynamoDB's documentation: a unit for each KB of the larger of
// the item before and after, twice that in a transaction, and one for each entry of an index
// that is deleted or put.
func TestUnits(t *testing.T) {
	definition := deployment.Table{PartitionKey: "pk", SortKey: "sk", Indexes: []deployment.Index{{Name: "open", PartitionKey: "open", SortKey: "since"}}}
	item := func(bytes int, open string) string {
		more := ""
		if open != "" {
			more = `,"open":{"S":"` + open + `"},"since":{"S":"2026"}`
		}
		rest := bytes - len("pka") - len("skb") - len("text") - map[bool]int{true: len("open") + len(open) + len("since2026")}[open != ""]
		return `{"pk":{"S":"a"},"sk":{"S":"b"},"text":{"S":"` + strings.Repeat("x", rest) + `"}` + more + `}`
	}
	put := func(item string) string { return `{"Item":` + item + `}` }
	together := func(items ...string) string {
		return `{"TransactItems":[` + `{"Put":` + strings.Join(items, `},{"Put":`) + `}]}`
	}
	key := `{"Key":{"pk":{"S":"a"},"sk":{"S":"b"}}`
	for name, c := range map[string]struct {
		before, operation, body string
		want                    dynamotest.Units
	}{
		"a KB":                                   {"", "PutItem", put(item(1024, "")), dynamotest.Units{Write: 1}},
		"a byte more":                            {"", "PutItem", put(item(1025, "")), dynamotest.Units{Write: 2}},
		"a small one in place of a large one":    {item(3000, ""), "PutItem", put(item(100, "")), dynamotest.Units{Write: 3}},
		"in a transaction":                       {"", "TransactWriteItems", together(put(item(1025, ""))), dynamotest.Units{Write: 4}},
		"that enters an index":                   {item(100, ""), "PutItem", put(item(100, "yes")), dynamotest.Units{Write: 2, Indexes: 1}},
		"that enters an index, in a transaction": {item(100, ""), "TransactWriteItems", together(put(item(100, "yes"))), dynamotest.Units{Write: 3, Indexes: 1}},
		"that stays in an index":                 {item(100, "yes"), "PutItem", put(item(200, "yes")), dynamotest.Units{Write: 1}},
		"that moves in an index":                 {item(100, "yes"), "PutItem", put(item(100, "no")), dynamotest.Units{Write: 3, Indexes: 2}},
		"that leaves an index":                   {item(100, "yes"), "PutItem", put(item(100, "")), dynamotest.Units{Write: 2, Indexes: 1}},
		"deleted":                                {item(2000, "yes"), "DeleteItem", key + `}`, dynamotest.Units{Write: 3, Indexes: 1}},
		"deleted that there is not":              {"", "DeleteItem", key + `}`, dynamotest.Units{Write: 1}},
		"refused":                                {item(2000, ""), "PutItem", `{"Item":` + item(100, "yes") + `,"ConditionExpression":"attribute_not_exists(pk)"}`, dynamotest.Units{Write: 2}},
		"read as it is":                          {item(5000, ""), "GetItem", key + `,"ConsistentRead":true}`, dynamotest.Units{Read: 2}},
		"read as it may have been":               {item(5000, ""), "GetItem", key + `}`, dynamotest.Units{Read: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			db := dynamotest.New(definition)
			if c.before != "" {
				if status, answer, _ := db.Answer("PutItem", []byte(put(c.before))); status != 200 {
					t.Fatalf("%s", answer)
				}
			}
			_, answer, used := db.Answer(c.operation, []byte(c.body))
			if used != c.want {
				t.Errorf("used %+v, want %+v: %s", used, c.want, answer)
			}
		})
	}
}

// TestWhatItDoesNotKnowIsRefused: an answer that is made up would be worse than none.
func TestWhatItDoesNotKnowIsRefused(t *testing.T) {
	for name, request := range map[string][2]string{
		"an operation": {"Scan", `{}`},
		"a function":   {"PutItem", `{"Item":{"pk":{"S":"a"},"sk":{"S":"b"}},"ConditionExpression":"contains(pk, sk)"}`},
		"a clause":     {"UpdateItem", `{"Key":{"pk":{"S":"a"},"sk":{"S":"b"}},"UpdateExpression":"REMOVE pk"}`},
		"an operator":  {"Query", `{"KeyConditionExpression":"pk <> sk"}`},
	} {
		db := dynamotest.New(deployment.TableDefinition())
		db.Answer("PutItem", []byte(`{"Item":{"pk":{"S":"a"},"sk":{"S":"b"}}}`))
		if status, answer, _ := db.Answer(request[0], []byte(request[1])); status != http.StatusBadRequest || !strings.Contains(string(answer), "does not know") {
			t.Errorf("%s: answered %d %s", name, status, answer)
		}
	}
}

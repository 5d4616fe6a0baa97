// Package dynamotest is the part of DynamoDB that package dynamo uses, in memory and
// without a network. It counts the capacity units that DynamoDB would bill.
//
// It is a stand-in, made from DynamoDB's documentation: nothing compares its units with the
// service's. The tests of package storetest hold it to what the store needs. Unlike the
// service its indexes never lag.
//
// Surprisingly, most of a small write can be its indexes: each one that an item enters
// or leaves is a write of its own, whatever the item's size.
package dynamotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Units are capacity units, as DynamoDB bills them on demand.
type Units struct {
	Read  float64
	Write float64
	// Indexes are those of Write that indexes take.
	Indexes float64
}

// Add is the sum of two.
func (u Units) Add(v Units) Units {
	return Units{u.Read + v.Read, u.Write + v.Write, u.Indexes + v.Indexes}
}

// DB is one table. It is safe for concurrent use.
type DB struct {
	definition deployment.Table

	mu    sync.Mutex
	items map[string]item // by keyOf
	done  map[string]bool // tokens of transactions
}

// New is an empty table.
func New(definition deployment.Table) *DB {
	return &DB{definition: definition, items: map[string]item{}, done: map[string]bool{}}
}

// item is one item, and value one attribute, as they are on the wire.
type (
	item  map[string]value
	value struct {
		S  *string  `json:"S,omitempty"`
		N  *string  `json:"N,omitempty"`
		SS []string `json:"SS,omitempty"`
	}
)

// failure is an error as DynamoDB answers it.
type failure struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	Item    item   `json:"Item,omitempty"` // as it is, of a condition that failed
	// CancellationReasons are those of a transaction, one for each of its items.
	CancellationReasons []reason `json:"CancellationReasons,omitempty"`
}

type reason struct {
	Code string
	Item item `json:",omitempty"`
}

func (f *failure) Error() string { return f.Type + ": " + f.Message }

const (
	conditionFailed = "ConditionalCheckFailedException"
	cancelled       = "TransactionCanceledException"
	invalid         = "ValidationException"
)

// RoundTrip answers a request as an http.RoundTripper.
func (db *DB) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	status, answer, _ := db.Answer(operation, body)
	return &http.Response{
		StatusCode: status, Request: r, Body: io.NopCloser(bytes.NewReader(answer)), Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
	}, nil
}

// Answer answers a request, and says what it costs. A failed condition costs as the write
// would have.
func (db *DB) Answer(operation string, body []byte) (status int, answer []byte, used Units) {
	db.mu.Lock()
	defer db.mu.Unlock()
	var r request
	var out any
	var err error
	if err = json.Unmarshal(body, &r); err == nil {
		out, used, err = db.answer(operation, r)
	}
	status = http.StatusOK
	if err != nil {
		failed, ok := err.(*failure)
		if !ok {
			failed = &failure{Type: invalid, Message: err.Error()}
		}
		status, out = http.StatusBadRequest, failed
	}
	answer, err = json.Marshal(out)
	if err != nil {
		panic(err) // plain structs: they marshal or a test fails
	}
	return status, answer, used
}

// request is what any operation may have.
type request struct {
	write
	Operations    []operation `json:"TransactItems"`
	Token         string      `json:"ClientRequestToken"`
	RequestItems  map[string]keys
	Consistent    bool   `json:"ConsistentRead"`
	Index         string `json:"IndexName"`
	KeyCondition  string `json:"KeyConditionExpression"`
	Forward       *bool  `json:"ScanIndexForward"`
	Limit         int
	ExclusiveFrom item `json:"ExclusiveStartKey"`
}

type keys struct {
	Keys       []item
	Consistent bool `json:"ConsistentRead"`
}

// write is one write, alone or of a transaction.
type write struct {
	Item      item
	Key       item
	Update    string            `json:"UpdateExpression"`
	Condition string            `json:"ConditionExpression"`
	Names     map[string]string `json:"ExpressionAttributeNames"`
	Values    item              `json:"ExpressionAttributeValues"`
}

type operation struct{ Put, Update, Delete, ConditionCheck *write }

func (db *DB) answer(name string, r request) (any, Units, error) {
	switch name {
	case "GetItem":
		found := db.items[db.keyOf(r.Key)]
		return struct {
			Item item `json:",omitempty"`
		}{found}, Units{Read: readUnits(found.size(), r.Consistent)}, nil
	case "BatchGetItem":
		return db.batch(r)
	case "Query":
		return db.query(r)
	case "PutItem", "DeleteItem", "UpdateItem":
		return db.single(r.write)
	case "TransactWriteItems":
		return db.transact(r)
	}
	return nil, Units{}, fmt.Errorf("%s is an operation that package dynamotest does not know", name)
}

func (db *DB) batch(r request) (any, Units, error) {
	found, used := map[string][]item{}, Units{}
	for table, asked := range r.RequestItems {
		found[table] = []item{}
		for _, key := range asked.Keys {
			i, ok := db.items[db.keyOf(key)]
			used.Read += readUnits(i.size(), asked.Consistent)
			if ok {
				found[table] = append(found[table], i)
			}
		}
	}
	return struct{ Responses map[string][]item }{found}, used, nil
}

func (db *DB) single(w write) (any, Units, error) {
	was, next, err := db.apply(w)
	used := db.writeUnits(was, next)
	if err != nil {
		if failed, ok := err.(*failure); ok && failed.Type == conditionFailed {
			return nil, Units{Write: max(1, float64(blocks(was.size(), writeBlock)))}, err
		}
		return nil, Units{}, err
	}
	db.store(w, next)
	out := struct {
		Attributes item `json:",omitempty"`
	}{}
	if w.Update != "" {
		out.Attributes = next
	}
	return out, used, nil
}

func (db *DB) transact(r request) (any, Units, error) {
	var used Units
	type change struct {
		write
		next item
	}
	var changes []change
	reasons, failed := make([]reason, len(r.Operations)), false
	for i, o := range r.Operations {
		w := o.write()
		was, next, err := db.apply(w)
		cost := db.writeUnits(was, next)
		if o.ConditionCheck != nil {
			next, cost = was, Units{Write: max(1, float64(blocks(was.size(), writeBlock)))}
		}
		// Twice: DynamoDB prepares and commits each item. Its indexes follow later, once.
		used = used.Add(Units{Write: 2*(cost.Write-cost.Indexes) + cost.Indexes, Indexes: cost.Indexes})
		reasons[i].Code = "None"
		if refused, ok := err.(*failure); ok && refused.Type == conditionFailed {
			reasons[i], failed = reason{Code: "ConditionalCheckFailed", Item: refused.Item}, true
		} else if err != nil {
			return nil, Units{}, err
		}
		changes = append(changes, change{w, next})
	}
	if r.Token != "" && db.done[r.Token] {
		return struct{}{}, used, nil
	}
	if failed {
		return nil, used, &failure{Type: cancelled, Message: "Transaction cancelled", CancellationReasons: reasons}
	}
	for _, c := range changes {
		db.store(c.write, c.next)
	}
	db.done[r.Token] = true
	return struct{}{}, used, nil
}

func (o operation) write() write {
	for _, w := range []*write{o.Put, o.Update, o.Delete, o.ConditionCheck} {
		if w != nil {
			return *w
		}
	}
	return write{}
}

// apply is the item as it was and as a write leaves it, nil if it deletes it.
func (db *DB) apply(w write) (was, next item, err error) {
	key := w.Key
	if w.Item != nil {
		key = w.Item
	}
	was = db.items[db.keyOf(key)]
	if w.Condition != "" {
		ok, err := w.holds(was)
		if err != nil {
			return was, nil, err
		}
		if !ok {
			return was, was, &failure{Type: conditionFailed, Message: "The conditional request failed", Item: was}
		}
	}
	switch {
	case w.Item != nil:
		return was, w.Item, nil
	case w.Update != "":
		next, err = w.updated(was)
		return was, next, err
	}
	return was, nil, nil
}

func (db *DB) store(w write, next item) {
	if next == nil {
		delete(db.items, db.keyOf(w.Key))
		return
	}
	db.items[db.keyOf(next)] = next
}

func (db *DB) keyOf(i item) string {
	return i[db.definition.PartitionKey].text() + "\x00" + i[db.definition.SortKey].text()
}

func (v value) text() string {
	if v.S == nil {
		return ""
	}
	return *v.S
}

// query answers from the table or from an index.
func (db *DB) query(r request) (any, Units, error) {
	partition, sort := db.definition.PartitionKey, db.definition.SortKey
	if r.Index != "" {
		at := slices.IndexFunc(db.definition.Indexes, func(i deployment.Index) bool { return i.Name == r.Index })
		if at < 0 {
			return nil, Units{}, fmt.Errorf("there is no index %s", r.Index)
		}
		partition, sort = db.definition.Indexes[at].PartitionKey, db.definition.Indexes[at].SortKey
		if r.Consistent {
			return nil, Units{}, fmt.Errorf("an index has no consistent reads")
		}
	}
	w := r.write
	w.Condition = r.KeyCondition
	var found []item
	for _, i := range db.items {
		if i[partition].S == nil || i[sort].S == nil {
			continue
		}
		ok, err := w.holds(i)
		if err != nil {
			return nil, Units{}, err
		}
		if ok {
			found = append(found, i)
		}
	}
	order := func(a, b item) int {
		return strings.Compare(a[sort].text()+"\x00"+db.keyOf(a), b[sort].text()+"\x00"+db.keyOf(b))
	}
	if r.Forward != nil && !*r.Forward {
		ascending := order
		order = func(a, b item) int { return ascending(b, a) }
	}
	slices.SortFunc(found, order)
	if r.ExclusiveFrom != nil {
		found = slices.DeleteFunc(found, func(i item) bool { return order(i, r.ExclusiveFrom) <= 0 })
	}
	out := struct {
		Items            []item
		LastEvaluatedKey item `json:",omitempty"`
	}{Items: []item{}}
	size := 0
	for n, i := range found {
		if r.Index != "" {
			i = db.projected(i, partition, sort)
		}
		size += i.size()
		out.Items = append(out.Items, i)
		if n+1 == r.Limit {
			out.LastEvaluatedKey = db.projected(i, partition, sort) // also if it was the last one
			break
		}
	}
	return out, Units{Read: readUnits(size, r.Consistent)}, nil
}

// projected is an item as an index of keys has it.
func (db *DB) projected(i item, partition, sort string) item {
	out := item{}
	for _, name := range []string{db.definition.PartitionKey, db.definition.SortKey, partition, sort} {
		if v, ok := i[name]; ok {
			out[name] = v
		}
	}
	return out
}

package upgrade

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

const tablesFile = "tables.json"

// tables are the bytes that a release's own stores made of a golden's records.
type tables struct {
	Golden   string                         `json:"golden"` // whose records they are
	DynamoDB []map[string]map[string]string `json:"dynamodb"`
	SQLite   dump                           `json:"sqlite"`
}

// dump is a SQLite database as text.
type dump struct {
	UserVersion int                `json:"user_version"`
	Statements  []string           `json:"statements"`
	Rows        map[string][][]any `json:"rows"` // by table
}

// writeTables writes the records of a golden with today's stores.
func writeTables(t *testing.T, g golden) tables {
	t.Helper()
	out := tables{Golden: g.fileName()}
	items := &memory{items: map[string]map[string]types.AttributeValue{}}
	store := dynamoOf(items, g.At)
	file := filepath.Join(t.TempDir(), sqlite.FileName)
	local, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for _, changes := range g.changes() {
		for _, write := range []func(context.Context, fleet.Changes) error{store.Write, local.Write} {
			if err := write(t.Context(), changes); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, record := range g.Executions {
		if err := local.Executions().Create(t.Context(), record, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := local.Close(); err != nil {
		t.Fatal(err)
	}
	for _, key := range items.order {
		out.DynamoDB = append(out.DynamoDB, plain(items.items[key]))
	}
	if out.SQLite, err = dumpOf(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return out
}

// changes make a golden's records, one by one.
func (g golden) changes() (all []fleet.Changes) {
	for _, run := range g.Runs {
		run.Version = 0
		all = append(all, fleet.Changes{Runs: []fleet.Run{run}})
	}
	for _, runner := range g.Runners {
		runner.Version = 0
		all = append(all, fleet.Changes{Runners: []fleet.Runner{runner}})
	}
	capacity := g.Capacity
	capacity.Version = 0
	all = append(all, fleet.Changes{Capacity: &capacity})
	for _, hold := range g.Holds {
		hold.Version = 0
		all = append(all, fleet.Changes{Holds: []fleet.Hold{hold}})
	}
	return all
}

// reader is the part of a store that reads single records.
type reader interface {
	Run(ctx context.Context, id string) (fleet.Run, bool, error)
	Runner(ctx context.Context, id string) (fleet.Runner, bool, error)
	Capacity(ctx context.Context) (fleet.Capacity, error)
	Holds(ctx context.Context, keys []string) (map[string]fleet.Hold, error)
}

// misread says which records today's stores read differently from the golden.
func (ts tables) misread(t *testing.T, g golden) (problems []string) {
	t.Helper()
	items := &memory{items: map[string]map[string]types.AttributeValue{}}
	for _, item := range ts.DynamoDB {
		items.put(attributes(item))
	}
	problems = misread(t.Context(), "DynamoDB", dynamoOf(items, g.At), g)
	file := filepath.Join(t.TempDir(), sqlite.FileName)
	if err := ts.SQLite.restore(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), file)
	if err != nil {
		return append(problems, fmt.Sprintf("SQLite: %v: read the layout of the release before, or change it in place", err))
	}
	defer store.Close() // it was only read
	problems = append(problems, misread(t.Context(), "SQLite", store, g)...)
	for _, want := range g.Executions {
		got, err := store.Executions().Load(t.Context(), want.Name)
		if err != nil || !same(want, got) {
			problems = append(problems, fmt.Sprintf("SQLite: execution %s is read as another (%v)", want.Name, err))
		}
	}
	return problems
}

func misread(ctx context.Context, where string, store reader, g golden) (problems []string) {
	report := func(what string, ok bool, err error) {
		if err != nil || !ok {
			problems = append(problems, fmt.Sprintf("%s: %s is not read as it was written (%v)", where, what, err))
		}
	}
	for _, want := range g.Runs {
		got, ok, err := store.Run(ctx, want.RunID)
		want.Version = 1
		report("run "+want.RunID, ok && same(want, got), err)
	}
	for _, want := range g.Runners {
		got, ok, err := store.Runner(ctx, want.RunnerID)
		want.Version = 1
		report("runner "+want.RunnerID, ok && same(want, got), err)
	}
	capacity, err := store.Capacity(ctx)
	report("the capacity", capacity.Open == g.Capacity.Open, err)
	for _, want := range g.Holds {
		found, err := store.Holds(ctx, []string{want.Key})
		want.Version = 1
		report("hold "+want.Key, same(want, found[want.Key]), err)
	}
	return problems
}

// same compares as JSON, where nil and empty are the same.
func same(a, b any) bool {
	text, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && len(lost("", text, b)) == 0 && len(lost("", other, a)) == 0
}

func dynamoOf(items *memory, now time.Time) *dynamo.Store {
	n := 0
	return dynamo.New(items, "fleet", dynamo.Options{
		Retention: time.Hour, Now: func() time.Time { return now },
		NewID: func() string { n++; return fmt.Sprintf("write-%d", n) },
	})
}

// memory is the part of DynamoDB that making and reading single records needs.
type memory struct {
	*dynamodb.Client // nil: any other call panics
	items            map[string]map[string]types.AttributeValue
	order            []string
}

func (m *memory) put(item map[string]types.AttributeValue) {
	key := keyOf(item)
	if m.items[key] == nil {
		m.order = append(m.order, key)
	}
	m.items[key] = item
}

func keyOf(item map[string]types.AttributeValue) string {
	attributes := plain(item)
	return attributes["pk"]["S"] + " " + attributes["sk"]["S"]
}

func (m *memory) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	m.put(in.Item)
	return &dynamodb.PutItemOutput{}, nil
}

func (m *memory) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	for _, item := range in.TransactItems {
		if item.Put == nil {
			return nil, fmt.Errorf("a record is made with more than a put")
		}
		m.put(item.Put.Item)
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (m *memory) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: m.items[keyOf(in.Key)]}, nil
}

// Query is of a whole partition.
func (m *memory) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	out := &dynamodb.QueryOutput{}
	of := in.ExpressionAttributeValues[":pk"].(*types.AttributeValueMemberS).Value
	for _, key := range m.order {
		item := m.items[key]
		if pk, ok := item["pk"].(*types.AttributeValueMemberS); ok && pk.Value == of {
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}

func (m *memory) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
	for table, asked := range in.RequestItems {
		for _, key := range asked.Keys {
			if item := m.items[keyOf(key)]; item != nil {
				out.Responses[table] = append(out.Responses[table], item)
			}
		}
	}
	return out, nil
}

// plain is an item in DynamoDB's own JSON, and attributes is the way back.
func plain(item map[string]types.AttributeValue) map[string]map[string]string {
	out := map[string]map[string]string{}
	for name, value := range item {
		switch value := value.(type) {
		case *types.AttributeValueMemberS:
			out[name] = map[string]string{"S": value.Value}
		case *types.AttributeValueMemberN:
			out[name] = map[string]string{"N": value.Value}
		}
	}
	return out
}

func attributes(item map[string]map[string]string) map[string]types.AttributeValue {
	out := map[string]types.AttributeValue{}
	for name, value := range item {
		for kind, text := range value {
			if kind == "N" {
				out[name] = &types.AttributeValueMemberN{Value: text}
			} else {
				out[name] = &types.AttributeValueMemberS{Value: text}
			}
		}
	}
	return out
}

// dumpOf reads a database without the store, but with its driver.
func dumpOf(ctx context.Context, file string) (d dump, err error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return d, err
	}
	defer db.Close() // it was only read
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&d.UserVersion); err != nil {
		return d, err
	}
	made, err := query(ctx, db, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		return d, err
	}
	d.Rows = map[string][][]any{}
	for _, row := range made {
		d.Statements = append(d.Statements, row[2].(string))
		if row[0] != "table" {
			continue
		}
		rows, err := query(ctx, db, fmt.Sprintf("SELECT * FROM %q", row[1]))
		if err != nil {
			return d, err
		}
		if len(rows) > 0 {
			d.Rows[row[1].(string)] = rows
		}
	}
	return d, nil
}

func query(ctx context.Context, db *sql.DB, text string) (all [][]any, err error) {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // Err reports it
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// restore makes the database again.
func (d dump) restore(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer db.Close() // the store reads what was committed
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	for _, statement := range append(d.Statements, fmt.Sprintf("PRAGMA user_version = %d", d.UserVersion)) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	for table, rows := range d.Rows {
		for _, row := range rows {
			marks := strings.TrimSuffix(strings.Repeat("?, ", len(row)), ", ")
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %q VALUES (%s)", table, marks), row...); err != nil {
				return fmt.Errorf("fill table %s: %w", table, err)
			}
		}
	}
	return tx.Commit()
}

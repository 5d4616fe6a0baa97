package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// BenchmarkDurableTransition measures what the engine's transition from one state to the
// next costs beside what it cannot do without: one commit of as many bytes in one new row,
// by the same driver, with the same settings, on the same disk, in turns.
func BenchmarkDurableTransition(b *testing.B) {
	const states = 8 // as a runner's life has
	var definition strings.Builder
	definition.WriteString(`{"StartAt":"S0","States":{`)
	for i := range states {
		next := fmt.Sprintf(`"Next":"S%d"`, i+1)
		if i == states-1 {
			next = `"End":true`
		}
		fmt.Fprintf(&definition, `"S%d":{"Type":"Task","Resource":"arn:aws:lambda:local:000000000000:function:F","TimeoutSeconds":60,"Parameters":{"document.$":"$.job"},"ResultPath":"$.r%d",%s},`, i, i, next)
	}
	text := strings.TrimSuffix(definition.String(), ",") + "}}"
	machine, err := engine.Parse([]byte(text), nil)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	store, err := sqlite.Open(b.Context(), filepath.Join(dir, sqlite.FileName))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ended := make(chan engine.Execution, 1)
	e, err := engine.New(engine.Config{
		Machine: machine, Store: store.Executions(), OnEnd: func(x engine.Execution) { ended <- x },
		Invoke: func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"outcome":"ready"}`), nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	plain, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.Join(dir, "plain.db")}).EscapedPath()+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	plain.SetMaxOpenConns(1)
	if _, err := plain.Exec("CREATE TABLE records (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT"); err != nil {
		b.Fatal(err)
	}
	job := strings.Repeat("x", 1000)
	insert, err := plain.Prepare("INSERT INTO records VALUES (?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	var written string                       // of a transition: the record and the events
	var transitions, commits []time.Duration // each of one life
	for n := 0; b.Loop(); n++ {
		from := time.Now()
		if _, err := e.Start(b.Context(), fmt.Sprintf("run-%d", n), json.RawMessage(`{"job":"`+job+`"}`)); err != nil {
			b.Fatal(err)
		}
		if x := <-ended; x.Status != engine.Succeeded {
			b.Fatal(x.Status, x.Error, x.Cause)
		}
		transitions = append(transitions, time.Since(from)/(states+1))
		if written == "" {
			written = strings.Repeat("x", bytesOfATransition(b, store, "run-0", states+1))
		}
		from = time.Now()
		for i := range states + 1 { // the start is one more
			if _, err := insert.Exec(fmt.Sprintf("run-%d-%d", n, i), written); err != nil {
				b.Fatal(err)
			}
		}
		commits = append(commits, time.Since(from)/(states+1))
	}
	// What else the machine does makes some lives much longer.
	transition, commit := median(transitions), median(commits)
	b.ReportMetric(float64(len(written)), "bytes/commit")
	b.ReportMetric(transition, "ns/transition")
	b.ReportMetric(commit, "ns/commit")
	b.ReportMetric(transition/commit, "transition/commit")
	b.ReportMetric(0, "ns/op")
}

// bytesOfATransition is what each transition of an execution has written on average.
func bytesOfATransition(b *testing.B, store *sqlite.Store, name string, transitions int) int {
	b.Helper()
	record, err := store.Executions().Load(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	events, err := store.History(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	size := func(v any) int {
		text, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		return len(text)
	}
	return size(record) + size(events)/transitions
}

func median(of []time.Duration) float64 {
	slices.Sort(of)
	return float64(of[len(of)/2])
}

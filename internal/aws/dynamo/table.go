package dynamo

// Attributes of an item beside its record. Those of an index are there only while
// the record belongs to it.
const (
	attrPK      = "pk"
	attrSK      = "sk"
	attrRecord  = "record"     // the record itself, as JSON
	attrVersion = "version"    // of the record, for conditions
	attrWriteID = "write_id"   // of the write that made the item
	attrExpires = "expires_at" // Unix time, in seconds
	attrSince   = "since"      // when it began, and its id: sorts every index but one
	attrRetryAt = "retry_at"   // its fleet.Run.WaitList order, and its id: sorts indexRetry
)

// Indexes, by the name of the attribute that is their partition key.
const (
	indexNewest     = "newest"     // every run, runner and image
	indexUnfinished = "unfinished" // open runs, unresolved runners
	indexWaiting    = "waiting"    // runs that wait for room
	indexRetry      = "retry"      // runs that wait, by their fleet.Run.WaitList
	indexOfRun      = "of_run"     // runners, by the run they were launched for
)

// Values of the indexes' partition keys. An index of_run has ids of runs, and retry
// has names of lists.
const (
	listRun    = "run"
	listRunner = "runner"
	listRoom   = "room"
	listImage  = "image"
)

// Table describes the table. All keys are strings.
type Table struct {
	PartitionKey string
	SortKey      string
	TTL          string // the attribute by which DynamoDB deletes what has expired
	Indexes      []Index
}

// Index is a global secondary index. It holds keys only, and of those items alone
// that have its partition key.
type Index struct {
	Name         string
	PartitionKey string
	SortKey      string
}

// TableDefinition is the table that a store needs: what the deployment builds and
// what the tests make.
func TableDefinition() Table {
	table := Table{PartitionKey: attrPK, SortKey: attrSK, TTL: attrExpires}
	for _, name := range []string{indexNewest, indexUnfinished, indexWaiting, indexOfRun} {
		table.Indexes = append(table.Indexes, Index{Name: name, PartitionKey: name, SortKey: attrSince})
	}
	table.Indexes = append(table.Indexes, Index{Name: indexRetry, PartitionKey: indexRetry, SortKey: attrRetryAt})
	return table
}

// key is the primary key of an item.
type key struct{ pk, sk string }

func runKey(id string) key        { return key{"run#" + id, "run"} }
func runnerKey(id string) key     { return key{"runner#" + id, "runner"} }
func openRunnerKey(id string) key { return key{"open_runners", id} }
func holdKey(hold string) key     { return key{"holds", hold} }
func imageKey(tag string) key     { return key{"image#" + tag, "image"} }
func buildKey(tag string) key     { return key{"image#" + tag, "build"} }
func cursorKey(name string) key   { return key{"cursors", name} }
func fleetKey(what string) key    { return key{"fleet", what} }
func (k key) String() string      { return k.pk + "/" + k.sk }
func keyOf(i item) key            { return key{textOf(i, attrPK), textOf(i, attrSK)} }
func (k key) attributes() item    { return item{attrPK: text(k.pk), attrSK: text(k.sk)} }

package deployment

// Attributes that are keys of the table with the records or of its indexes, and the one
// by which DynamoDB deletes expired items. Package dynamo says what they hold.
const (
	AttrPK      = "pk"
	AttrSK      = "sk"
	AttrExpires = "expires_at"
	AttrSince   = "since"
	AttrRetryAt = "retry_at"
)

// Indexes, by the name of the attribute that is their partition key.
const (
	IndexNewest     = "newest"
	IndexUnfinished = "unfinished"
	IndexWaiting    = "waiting"
	IndexRetry      = "retry"
	IndexOfRun      = "of_run"
	IndexRepository = "repository"
	IndexClass      = "class"
	IndexEnded      = "ended"
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

// TableDefinition is the table that a store needs: the deployment builds it and the
// tests make it.
func TableDefinition() Table {
	table := Table{PartitionKey: AttrPK, SortKey: AttrSK, TTL: AttrExpires}
	for _, name := range []string{IndexNewest, IndexUnfinished, IndexWaiting, IndexOfRun, IndexRepository, IndexClass, IndexEnded} {
		table.Indexes = append(table.Indexes, Index{Name: name, PartitionKey: name, SortKey: AttrSince})
	}
	table.Indexes = append(table.Indexes, Index{Name: IndexRetry, PartitionKey: IndexRetry, SortKey: AttrRetryAt})
	return table
}

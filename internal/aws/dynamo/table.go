package dynamo

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"

// Attributes of an item beside its record. Those of an index are there only while
// the record belongs to it. The deployment knows those that are keys.
const (
	attrPK      = deployment.AttrPK
	attrSK      = deployment.AttrSK
	attrRecord  = "record"               // the record itself, as JSON
	attrVersion = "version"              // of the record, for conditions
	attrWriteID = "write_id"             // of the write that made the item
	attrExpires = deployment.AttrExpires // Unix time, in seconds
	attrSince   = deployment.AttrSince   // when it began, and its id: sorts every index but one
	attrRetryAt = deployment.AttrRetryAt // its fleet.Run.WaitList order, and its id: sorts indexRetry
)

// Indexes, by the name of the attribute that is their partition key.
const (
	indexNewest     = deployment.IndexNewest     // every run, runner, image and action of an operator
	indexUnfinished = deployment.IndexUnfinished // open runs, unresolved runners
	indexWaiting    = deployment.IndexWaiting    // runs that wait for room
	indexRetry      = deployment.IndexRetry      // runs that wait, by their fleet.Run.WaitList
	indexOfRun      = deployment.IndexOfRun      // runners, by the run they were launched for
	indexRepository = deployment.IndexRepository // runs, by their repository in lower case
	indexClass      = deployment.IndexClass      // runs that were admitted, by their class
	indexEnded      = deployment.IndexEnded      // runs that have ended, by their status
)

// Values of the indexes' partition keys. An index of_run has ids of runs, and retry
// has names of lists.
const (
	listRun    = "run"
	listRunner = "runner"
	listRoom   = "room"
	listImage  = "image"
	listAction = "action"
)

// TableDefinition is the table that a store needs.
func TableDefinition() deployment.Table { return deployment.TableDefinition() }

// key is the primary key of an item.
type key struct{ pk, sk string }

func runKey(id string) key        { return key{"run#" + id, "run"} }
func runnerKey(id string) key     { return key{"runner#" + id, "runner"} }
func openRunnerKey(id string) key { return key{"open_runners", id} }
func holdKey(hold string) key     { return key{"holds", hold} }
func imageKey(tag string) key     { return key{"image#" + tag, "image"} }
func buildKey(tag string) key     { return key{"image#" + tag, "build"} }
func cursorKey(name string) key   { return key{"cursors", name} }
func actionKey(id string) key     { return key{"action#" + id, "action"} }
func fleetKey(what string) key    { return key{"fleet", what} }
func (k key) String() string      { return k.pk + "/" + k.sk }
func keyOf(i item) key            { return key{textOf(i, attrPK), textOf(i, attrSK)} }
func (k key) attributes() item    { return item{attrPK: text(k.pk), attrSK: text(k.sk)} }

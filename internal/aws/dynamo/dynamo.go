// Package dynamo keeps the fleet's records in one DynamoDB table.
//
// Surprisingly, a write that fails with Records.Conflict was never this writer's own.
// Every item carries the id of the write that made it, so an attempt that the SDK
// repeats because an answer was lost recognizes its own work.
//
// Every question has its key or index, and none is a scan. In the table below n is
// the number of records that are returned; a record has less than 4 KB (one read
// unit, and half of one if an eventually consistent answer will do) and is written
// in units of 1 KB (u is 2 to 4), which cost double in a transaction.
//
//	question            where it is answered                  read        units
//	Run, Runner         pk run#ID or runner#ID                consistent  1
//	Capacity            pk fleet, sk capacity                 consistent  1
//	Holds               pk holds, or sk KEY if there are many consistent  1, or n
//	HoldsBelow          pk holds                              eventual    n/2
//	OpenRunners         pk open_runners, then the records     consistent  1+n
//	OpenRuns            index unfinished, "run"               see below   1+n
//	UnresolvedRunners   index unfinished, "runner"            see below   1+n
//	WaitingForRoom      index waiting, "room"                 see below   1+n
//	Waiting             index retry, NAME of the list         see below   1+n
//	Runs, Runners       index newest, "run" or "runner"       eventual    1+n/2
//	RunsBelow           index newest, unfinished, repository, class or ended   eventual   1+n/2
//	RunnersBelow        index newest, "runner"                eventual    1+n/2
//	RunnersOf           index of_run, ID of the run           eventual    1+n/2
//	RunnersByID         pk runner#ID of each                  eventual    n/2
//	Image               pk image#TAG, sk image                consistent  1
//	Images              index newest, "image"                 eventual    1+n/2
//	Actions             index newest, "action"                eventual    1+n/2
//	BuildLock           pk image#TAG, sk build                consistent  1
//	Cursor              pk cursors, sk NAME                   consistent  1
//	Settings, Repairs   pk fleet, sk settings or repairs      eventual    1/2
//
//	change              how it is made                                    units
//	Write of a record   PutItem under its version                         u
//	Write of n records  TransactWriteItems under all their versions       2nu
//	  opens a runner    the same, with the runner's entry in open_runners    2 more
//	  closes a runner   the same, and DeleteItem of that entry afterwards    1 more
//	PutImage            PutItem under its version                         1
//	PutCursor, PutSettings   PutItem, or DeleteItem of an empty cursor    1
//	TakeLease           UpdateItem                                        1
//	DeleteImage         DeleteItem                                        1
//	JoinBuild           one to three UpdateItem                           1 to 3
//	RenewBuild, EndBuild   UpdateItem, DeleteItem                         1
//	Write of an action  PutItem, or a part of the transaction             1 or 2
//	AddRepairs          TransactWriteItems, so that nothing counts twice  2
//
// A change of status or phase moves a record between indexes: one unit more for
// each that it enters or leaves. Indexes hold keys alone, so that other changes of
// a record cost nothing there. A run enters repository when it is made, class when it
// is admitted and ended when it ends: three units.
//
// An index is some milliseconds behind the table. Lists that decide something therefore
// read each record again, consistently, and leave out records that no longer belong to
// the list. The next sweep, a minute later, sees what is not listed yet; the same
// happens to a run that begins to wait for room just after its fleet has looked.
//
// The recount of the open runners must not come too late, or it would undo a launch. So
// open_runners is no index but a part of the table: a transaction that opens a runner
// writes its entry there, and one that opens or closes a runner changes the capacity's version.
// An entry whose runner is closed counts for nothing. A writer that
// reads the capacity, then the entries, and then writes a count under the version that
// it read is right, or is refused. One gap is left: DynamoDB applies a transaction item
// by item, and for the milliseconds between the capacity and the entry a query sees the
// one without the other. A count that falls into them is one off until the next sweep
// counts again.
package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// api is the part of DynamoDB that the store uses. The client should try a
// request at most twice more: the state machine tries again too.
type api interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Options configure a store.
type Options struct {
	// Retention is how long a run is kept after it has ended, and a runner after
	// it was closed; 0 keeps them for ever. Open ones never expire.
	Retention time.Duration
	Now       func() time.Time
	// NewID makes the id of one write: unique, and at most 36 characters long,
	// DynamoDB's limit for the token of a request.
	NewID func() string
	// Tidies has OpenRunners delete what is left in its list of closed runners. A command
	// that reads must write nothing.
	Tidies bool
}

// Store is a fleet's table. It is safe for concurrent use.
//
// Errors are named Records.Conflict if another writer changed a record first, and
// Records.Unavailable if DynamoDB throttled, failed or did not answer: the change may
// then have been made. Others, such as a missing permission, have no name: a retry
// would fail the same way.
type Store struct {
	client  api
	table   string
	options Options
}

// New returns the store in a table as TableDefinition describes it.
func New(client api, table string, options Options) *Store {
	return &Store{client, table, options}
}

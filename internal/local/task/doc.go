// Package task is the ledger of one machine's tasks: which exist, what became of them,
// and by which client token they were launched, in the words of ECS. A Runner starts
// and watches them, as processes or as containers.
//
// Surprisingly, a task outlives the fleet that launched it. The ledger records a task
// before it is started, and the next ledger on the data directory takes it over by that
// record; or, if the record cannot be used, by the mark that the runner left on the
// task itself.
package task

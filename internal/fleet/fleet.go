// Package fleet is the domain: jobs, runs, runners, labels, sizes, images, and every
// decision about them as a pure function from facts to changes.
//
// A runner is launched for a run, but GitHub gives a queued job to any idle runner whose
// labels include the job's. So the code keeps two things apart everywhere: "the run a
// runner was launched for" (an expectation) and "the job it took" (a fact).
//
// The package does no I/O, reads no clock and imports nothing of the project.
package fleet

// Schema is the version of documents and records that this code writes. Every function
// also accepts the previous release's version, because running executions keep their old
// definition while they call new code.
const Schema = 1

// Package calls counts what each step of a job asks of AWS and of GitHub, and holds the
// counts to testdata/budget.yaml: a step that begins to ask more fails a test.
//
// The functions' code and the adapters of AWS are the deployed ones, each function
// connected as its main connects it. Everything else is in memory: our engine stands for
// Step Functions, package dynamotest for DynamoDB, and the rest of AWS and GitHub answers
// in bytes as much as a job needs. Time is virtual, and each call takes as long as
// testdata/latencies.yaml says.
//
// From the same plays come what a job costs (docs/cost.md) and where its time goes
// (docs/performance.md). The package has tests only.
package calls

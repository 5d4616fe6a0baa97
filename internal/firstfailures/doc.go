// Package firstfailures plays a fleet that was deployed with a mistake: what people see,
// what it costs, and how soon the job runs after the mistake is corrected.
//
// The fleet is the functions' code over AWS's adapters, in one process: our engine stands
// for Step Functions, the table of package simulation for DynamoDB, and AWS and GitHub
// answer in bytes. What comes of each mistake is in testdata, for people to judge.
//
// The package has tests only.
package firstfailures

// Package statemachine holds the definition of a runner's life, in Amazon States
// Language: one file, deployed by the CDK, run by the local engine and walked by
// the tests.
//
// A placeholder ${<Step>FunctionArn} stands for each function. A function may
// serve several states: RecordStatus serves AwaitCompletion, RecordStatus and
// RecordFailure.
package statemachine

import _ "embed"

// Definition is runner.asl.json.
//
//go:embed runner.asl.json
var Definition []byte

// Functions are the steps that the definition calls.
var Functions = []string{
	"Validate", "ResolveImage", "BuildImage", "RegisterTaskDefinition", "RunTask", "InspectRunner", "RecordStatus",
}

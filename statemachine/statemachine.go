// Package statemachine holds the definition of a runner's life, in Amazon States
// Language: one file, deployed by the CDK, run by the local engine and walked by
// the tests.
//
// A placeholder ${<Step>FunctionArn} stands for each function, and ${Partition} for the
// part of AWS that the fleet is in: Step Functions calls nothing of another. A function may
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

// AWS is the partition of all regions but those of GovCloud and China
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
const AWS = "aws"

// Values are what the placeholders stand for, by their names.
func Values(partition string, arn func(step string) string) map[string]string {
	values := map[string]string{"Partition": partition}
	for _, step := range Functions {
		values[step+"FunctionArn"] = arn(step)
	}
	return values
}

// Package statemachine holds the definition of a runner's life, in Amazon States
// Language: one file, deployed by the CDK, run by the local engine and walked by
// the tests.
//
// A placeholder ${<Step>FunctionArn} stands for each function, and ${Partition} for the
// part of AWS that the fleet is in: Step Functions calls nothing in another. A function
// may serve several states: RecordStatus serves AwaitCompletion, RecordStatus and
// RecordFailure.
package statemachine

import (
	_ "embed"
	"maps"
	"regexp"
	"slices"
)

// Definition is runner.asl.json.
//
//go:embed runner.asl.json
var Definition []byte

var function = regexp.MustCompile(`\$\{(\w+)FunctionArn\}`)

// Steps are the functions that the definition calls, by the words of its placeholders and
// in the order of these.
func Steps() []string {
	steps := map[string]bool{}
	for _, m := range function.FindAllSubmatch(Definition, -1) {
		steps[string(m[1])] = true
	}
	return slices.Sorted(maps.Keys(steps))
}

// AWS is the partition of all regions but those of GovCloud and China
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
const AWS = "aws"

// Values are what the placeholders stand for, by their names.
func Values(partition string, arn func(step string) string) map[string]string {
	values := map[string]string{"Partition": partition}
	for _, step := range Steps() {
		values[step+"FunctionArn"] = arn(step)
	}
	return values
}

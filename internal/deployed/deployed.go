// Package deployed is a fleet on AWS as one of its Lambda functions has it: the
// steps connected to AWS, by the environment that the deployment sets.
//
// Each function takes only what it uses, and reads only the variables of that. A
// variable that is missing is told when the function starts, all of them at once:
// a function without its table must not live to answer anything.
package deployed

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
)

// Function is one Lambda function that is being put together.
type Function struct {
	Log *slog.Logger

	getenv   func(string) string
	aws      aws.Config
	problems []string
	warm     []func(context.Context) error
}

// New begins a function with the environment of this process.
func New() *Function {
	log := lambdacontext.NewLogger()
	slog.SetDefault(log) // where the border reports panics
	return &Function{Log: log, getenv: os.Getenv, aws: awsConfig(os.Getenv)}
}

// env is a variable that must be set.
func (f *Function) env(name string) string {
	value := f.getenv(name)
	if value == "" {
		f.problems = append(f.problems, name+" is not set")
	}
	return value
}

func (f *Function) list(name string) []string {
	value := f.env(name)
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// check says what is wrong with the environment, nil if nothing is.
func (f *Function) check() error {
	if len(f.problems) == 0 {
		return nil
	}
	problems := slices.Compact(slices.Sorted(slices.Values(f.problems))) // several parts may need the same
	return fmt.Errorf("the function's environment is not as the deployment makes it: %s", strings.Join(problems, "; "))
}

// Start serves invocations until the process is ended. It does not return.
func Start[In, Out any](f *Function, handle func(context.Context, In) (Out, error)) {
	if err := f.check(); err != nil {
		f.Log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	f.warmUp()
	lambda.Start(border.Wrap(handle))
}

// warmUpFor bounds what is done ahead of the first invocation.
const warmUpFor = 3 * time.Second

// warmUp makes the first calls before the first invocation: building the
// transport and its certificates takes most of what a cold start costs. What fails
// here is tried again, and reported, by the first invocation that needs it.
func (f *Function) warmUp() {
	ctx, cancel := context.WithTimeout(context.Background(), warmUpFor)
	defer cancel()
	var all sync.WaitGroup
	for _, call := range f.warm {
		all.Go(func() {
			if err := call(ctx); err != nil {
				f.Log.Debug("not warm", "error", err.Error())
			}
		})
	}
	all.Wait()
}

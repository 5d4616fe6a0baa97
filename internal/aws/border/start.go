package border

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// New begins a function with the environment of this process, and makes its log the
// default one, to which Wrap reports panics.
func New() *function.Function {
	log := lambdacontext.NewLogger()
	slog.SetDefault(log)
	return function.New(os.Getenv, awsConfig(os.Getenv), log)
}

// Start serves invocations until the process is ended. It does not return. A function
// whose environment lacks something ends at once, with status 1.
func Start[In, Out any](f *function.Function, handle func(context.Context, In) (Out, error)) {
	if err := f.Check(); err != nil {
		f.Log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	f.WarmUp()
	lambda.Start(Wrap(handle))
}

// Package function is a Lambda function of the fleet as it starts: its environment, its
// configuration of AWS, and the calls that it makes before the first invocation.
//
// It knows neither Lambda's runtime nor a client of AWS. Each adapter says beside its type
// how a Function gets it, so a function links the clients that its main names, and reads
// only their variables. All variables that are missing are reported at once, when the
// function starts: a function without its table must not live to answer anything.
package function

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Function is one Lambda function that is being put together.
type Function struct {
	Log *slog.Logger
	AWS aws.Config

	getenv   func(string) string
	problems []string
	warm     []func(context.Context) error
}

// New begins a function in an environment.
func New(getenv func(string) string, cfg aws.Config, log *slog.Logger) *Function {
	return &Function{Log: log, AWS: cfg, getenv: getenv}
}

// Env returns a variable that must be set.
func (f *Function) Env(name string) string {
	value := f.getenv(name)
	if value == "" {
		f.Problem("%s is not set", name)
	}
	return value
}

// List returns the parts of a variable that must be set, a list with commas.
func (f *Function) List(name string) []string {
	value := f.Env(name)
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// Has reports whether a variable is set that need not be.
func (f *Function) Has(name string) bool { return f.getenv(name) != "" }

// Problem keeps the function from starting, and is reported with all others.
func (f *Function) Problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// Check returns all problems as one error, nil if there are none.
func (f *Function) Check() error {
	if len(f.problems) == 0 {
		return nil
	}
	problems := slices.Compact(slices.Sorted(slices.Values(f.problems))) // several parts may need the same
	return fmt.Errorf("the function's environment is not as the deployment makes it: %s", strings.Join(problems, "; "))
}

// Warm adds a call to those of WarmUp.
func (f *Function) Warm(call func(context.Context) error) { f.warm = append(f.warm, call) }

// IsCold reports whether WarmUp has nothing to call.
func (f *Function) IsCold() bool { return len(f.warm) == 0 }

// warmUpFor limits the calls before the first invocation.
const warmUpFor = 3 * time.Second

// WarmUp makes the first calls before the first invocation: building the transport and
// its certificates takes most of the time of a cold start. If a call fails here, the
// first invocation that needs it tries again and reports the error.
func (f *Function) WarmUp() {
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

package operations_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
)

// Functions write the same records at the same time: without pauses, a burst of
// launches uses up its tries.
func TestAFunctionWaitsBetweenConflicts(t *testing.T) {
	f := function.New(func(string) string { return "" }, aws.Config{}, slog.New(slog.DiscardHandler))
	lc := operations.Fleet(f, nil, nil, nil, nil)
	if lc.Backoff == nil {
		t.Fatal("it does not wait")
	}
	gone, end := context.WithCancel(t.Context())
	end()
	if err := lc.Backoff(gone, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("after its caller is gone: %v", err)
	}
}

// Both calls run before either has returned, and a panic reaches the caller.
func TestTogether(t *testing.T) {
	a, b := make(chan struct{}), make(chan struct{})
	operations.Together(func() { close(a); <-b }, func() { close(b); <-a })
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "no such runner") {
			t.Errorf("recovered %v", p)
		}
	}()
	operations.Together(func() {}, func() { panic("no such runner") })
}

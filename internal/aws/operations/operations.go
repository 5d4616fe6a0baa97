// Package operations gives a Lambda function the operations of package lifecycle.
//
// Each function passes everything that they may need, or nil for what it never uses: if
// one is forgotten, the function does not compile.
package operations

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Notices show refusals on GitHub.
func Notices(f *function.Function, hub lifecycle.NoticeBoard, cursors lifecycle.SwapCursors) lifecycle.Notices {
	return lifecycle.Notices{GitHub: hub, Cursors: cursors, URL: f.Policy().RefusalURL}
}

// Fleet is what the operations need. executions, hub and tasks may be nil if none of the
// operations that the function calls uses them.
func Fleet(f *function.Function, records lifecycle.Records, executions lifecycle.Executions, hub lifecycle.GitHub, tasks lifecycle.Tasks) lifecycle.Fleet {
	made := lifecycle.Of(f.Policy())
	made.Records, made.Executions, made.GitHub, made.Tasks = records, executions, hub, tasks
	made.TasksSign = true
	made.Backoff, made.Now, made.Log = dynamo.Backoff, time.Now, f.Log
	return made
}

// Together makes calls at the same time, and returns when all have returned. If one panics,
// Together does: the border of a function recovers only what its own goroutine does.
func Together(calls ...func()) {
	var all sync.WaitGroup
	panics := make(chan string, len(calls))
	for _, call := range calls {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panics <- fmt.Sprintf("%v\n%s", p, debug.Stack())
				}
			}()
			call()
		})
	}
	all.Wait()
	select {
	case p := <-panics:
		panic(p)
	default:
	}
}

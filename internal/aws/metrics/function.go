package metrics

import (
	"os"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// Of writes a function's metrics into its log.
func Of(f *function.Function) *Writer {
	return &Writer{Out: os.Stdout, FleetName: f.Policy().FleetName, Now: time.Now}
}

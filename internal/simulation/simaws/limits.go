package simaws

import (
	"time"

	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// bucket is a token bucket: full at first, and refilled all the time.
type bucket struct {
	burst, perSecond float64
	left             float64
	at               time.Time
}

func newBucket(burst, perSecond float64) *bucket {
	return &bucket{burst: burst, perSecond: perSecond, left: burst, at: kernel.Epoch}
}

// has reports whether n tokens are left.
func (b *bucket) has(now time.Time, n float64) bool {
	b.left = min(b.burst, b.left+now.Sub(b.at).Seconds()*b.perSecond)
	b.at = now
	return b.left >= n
}

// take takes n tokens if that many are left, else none.
func (b *bucket) take(now time.Time, n float64) bool {
	if !b.has(now, n) {
		return false
	}
	b.left -= n
	return true
}

// limits are the buckets of one account in one region
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html and
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html).
type limits struct {
	definitionModify *bucket // RegisterTaskDefinition, DeregisterTaskDefinition
	definitionDelete *bucket // DeleteTaskDefinitions
	definitionRead   *bucket // DescribeTaskDefinition and the lists
	clusterModify    *bucket // RunTask, StopTask
	clusterRead      *bucket // DescribeTasks, ListTasks
	runTask          *bucket // RunTask on Fargate, by calls
	launches         *bucket // of tasks on demand
	spotLaunches     *bucket // of tasks on Spot
}

func newLimits() limits {
	return limits{
		definitionModify: newBucket(20, 1),
		definitionDelete: newBucket(5, 1),
		definitionRead:   newBucket(50, 20),
		clusterModify:    newBucket(100, 40),
		clusterRead:      newBucket(100, 20),
		runTask:          newBucket(20, 20),
		launches:         newBucket(100, 20),
		spotLaunches:     newBucket(100, 20),
	}
}

// throttled is what all three services answer when they are asked too often.
func throttled() error {
	return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded", Fault: smithy.FaultClient}
}

// refused is an error as the SDK returns it: it says which operation it is of.
func refused(service, operation string, err error) error {
	if err == nil {
		return nil
	}
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: err}
}

package queue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
)

// counter is the part of SQS's API that counting needs.
type counter interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Depth is about how many messages a queue has, without those that are being handled.
// Errors are those of awserr.CallError.
func Depth(ctx context.Context, api counter, url string) (int, error) {
	const depth = types.QueueAttributeNameApproximateNumberOfMessages
	out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{depth}})
	if err != nil {
		return 0, awserr.CallError(err, "count the messages of queue %s", url)
	}
	n, err := strconv.Atoi(out.Attributes[string(depth)])
	if err != nil {
		return 0, fmt.Errorf("count the messages of queue %s: SQS gives no number", url)
	}
	return n, nil
}

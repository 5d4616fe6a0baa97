package queue

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// deep is SQS with one queue.
type deep struct {
	depth string
	err   error
}

func (d deep) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	if aws.ToString(in.QueueUrl) != "https://sqs/q" || !slices.Equal(in.AttributeNames, []types.QueueAttributeName{"ApproximateNumberOfMessages"}) {
		return nil, errors.New("that is not what SQS was to be asked")
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"ApproximateNumberOfMessages": d.depth}}, d.err
}

func TestDepth(t *testing.T) {
	denied := errors.New("AccessDenied")
	for name, c := range map[string]struct {
		queue deep
		want  int
		fails bool
	}{
		"empty":                 {deep{depth: "0"}, 0, false},
		"some":                  {deep{depth: "12"}, 12, false},
		"an answer without one": {deep{}, 0, true},
		"no permission":         {deep{depth: "3", err: denied}, 0, true},
	} {
		if got, err := Depth(t.Context(), c.queue, "https://sqs/q"); got != c.want || (err != nil) != c.fails || c.queue.err != nil && !errors.Is(err, denied) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

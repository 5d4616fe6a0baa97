//go:build aws

package dynamo_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// narrow is a DynamoDB whose pages have two items, and which answers a batch with two
// thirds of the requested items.
type narrow struct{ *dynamodb.Client }

func (n narrow) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	page := *in
	page.Limit = aws.Int32(min(2, aws.ToInt32(in.Limit)))
	if in.Limit == nil {
		page.Limit = aws.Int32(2)
	}
	return n.Client.Query(ctx, &page, opts...)
}

func (n narrow) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	part := &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{}}
	left := map[string]types.KeysAndAttributes{}
	for table, asked := range in.RequestItems {
		some := asked
		cut := (2*len(asked.Keys) + 2) / 3
		some.Keys = asked.Keys[:cut]
		part.RequestItems[table] = some
		if cut < len(asked.Keys) {
			asked.Keys = asked.Keys[cut:]
			left[table] = asked
		}
	}
	out, err := n.Client.BatchGetItem(ctx, part, opts...)
	if err == nil {
		out.UnprocessedKeys = left
	}
	return out, err
}

// stale is a DynamoDB whose indexes stay as they were at their first query.
type stale struct {
	*dynamodb.Client
	answers map[string]*dynamodb.QueryOutput
}

func (s *stale) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	asked := aws.ToString(in.IndexName) + in.ExpressionAttributeValues[":of"].(*types.AttributeValueMemberS).Value
	if answer, ok := s.answers[asked]; ok {
		return answer, nil
	}
	answer, err := s.Client.Query(ctx, in, opts...)
	s.answers[asked] = answer
	return answer, err
}

// interrupted is a DynamoDB which calls a hook right after the first update.
type interrupted struct {
	*dynamodb.Client
	then func()
}

func (i *interrupted) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	out, err := i.Client.UpdateItem(ctx, in, opts...)
	if i.then != nil {
		i.then()
		i.then = nil
	}
	return out, err
}

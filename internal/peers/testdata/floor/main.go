// Command floor is the least that a Go function on Lambda does: the runtime's loop, and an
// answer. It is what a cold start of ours is compared with.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, json.RawMessage) (map[string]int, error) {
		return map[string]int{"statusCode": 200}, nil
	})
}

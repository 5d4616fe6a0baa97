//go:build aws

package awstest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// credentials are arbitrary: moto accepts any.
func credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test"}, nil
}

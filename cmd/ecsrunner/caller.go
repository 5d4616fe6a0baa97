package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// unknownCaller is who changes a fleet where STS does not answer: that must not keep
// anybody from pausing it. CloudTrail has who they are.
const unknownCaller = "a caller that AWS STS did not name"

// caller is the ARN of who calls AWS, which needs no permission
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html). That of
// a role ends with the name of the session, which is no secret.
func (c *cloud) caller(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	who, err := sts.NewFromConfig(c.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(who.Arn) == "" {
		return unknownCaller
	}
	return aws.ToString(who.Arn)
}

package border

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// attempts is how often a call is made at most: the state machine tries again too.
const attempts = 3

// awsConfig is the configuration from Lambda's environment. The SDK's own loader would
// read the same, but would link the code for all other environments: a third of a
// function's size
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
func awsConfig(getenv func(string) string) aws.Config {
	cfg := aws.Config{
		Region: getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")),
		Retryer: func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), attempts) },
	}
	if url := getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = aws.String(url)
	}
	return cfg
}

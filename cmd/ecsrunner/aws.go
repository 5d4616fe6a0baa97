package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
)

// The variables of the AWS configuration that people set most.
const (
	profileVar = "AWS_PROFILE"
	regionVar  = "AWS_REGION"
)

// Limits of calls to AWS, so that nothing hangs: a person waits.
const (
	attempts       = 4
	longestBackoff = 2 * time.Second
	dialLimit      = 5 * time.Second
	callLimit      = 30 * time.Second
	// signInLimit is for all ways to get credentials, the last of which asks an address
	// that only AWS's machines can reach.
	signInLimit = 15 * time.Second
)

// loadAWS reads the AWS configuration as every tool of AWS does, and checks that it
// has a region and credentials.
func loadAWS(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(region),
		config.WithLogger(logging.Nop{}), // the error reports once what goes wrong
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callLimit).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialLimit })),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, longestBackoff })
		}),
	)
	if missing := new(config.SharedConfigProfileNotExistError); errors.As(err, missing) {
		return cfg, usagef("there is no AWS profile %s: `aws configure list-profiles` lists those there are", missing.Profile)
	}
	if err != nil {
		return cfg, usagef("read the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, usagef("no AWS region is named: use --region, set %s, or choose a profile that has one with %s", regionVar, profileVar)
	}
	limited, cancel := context.WithTimeout(ctx, signInLimit)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(limited); err != nil {
		return cfg, withoutCredentials(ctx, err)
	}
	return cfg, nil
}

// withoutCredentials distinguishes credentials that were not configured from those that
// cannot be read. The SDK asks a machine of AWS last, when nothing else is configured.
func withoutCredentials(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.Contains(err.Error(), "EC2 IMDS") || strings.Contains(err.Error(), "ec2imds") {
		return usagef("no AWS credentials were found: choose a profile with %s, log in with `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", profileVar)
	}
	return fmt.Errorf("get AWS credentials: %w", err)
}

// iamPrefix begins the IAM actions of a service.
func iamPrefix(service string) string {
	switch service {
	case "SFN":
		return "states"
	case "CloudWatch Logs":
		return "logs"
	}
	return strings.ReplaceAll(strings.ToLower(service), " ", "")
}

// explain says in one sentence what AWS answered, if the answer is known. It returns
// any other error as it is.
func (c *cloud) explain(err error) error {
	var call *smithy.OperationError
	if !errors.As(err, &call) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before AWS answered")
	}
	region, action := c.config.Region, iamPrefix(call.Service())+":"+call.Operation()
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		if isNetwork(err) {
			return fmt.Errorf("AWS does not answer %s in region %s (%w): look at the network, --region and AWS_ENDPOINT_URL", action, region, innermost(err))
		}
		return err
	}
	switch answer.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized":
		return fmt.Errorf("AWS does not allow %s: %s; allow that action to the user or role that you are, or use another %s", action, answer.ErrorMessage(), profileVar)
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return errors.New("the AWS credentials have expired: log in again, as with `aws sso login`")
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "IncompleteSignature", "AuthFailure":
		return fmt.Errorf("AWS does not know these credentials (%s): choose a profile with %s, or log in again", answer.ErrorCode(), profileVar)
	case "OptInRequired", "SubscriptionRequiredException":
		return fmt.Errorf("region %s is not enabled in this account: enable it, or use another --region", region)
	case "ResourceNotFoundException":
		return usagef("there is no table %s in region %s: compare the name, and --region", c.has(recordsTable), region)
	case "ParameterNotFound":
		return usagef("there is no parameter %s in region %s: compare the name, and --region", c.has(classSizesParam), region)
	}
	if awserr.MayPass(err) {
		return fmt.Errorf("AWS did not answer %s in %d attempts (%s): try again in a minute", action, attempts, answer.ErrorCode())
	}
	return err
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

// innermost is the cause at the end of an error's chain.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

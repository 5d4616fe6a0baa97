package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

func TestWhatAWSSaysIsExplained(t *testing.T) {
	t.Setenv("RUNNER_STATE_TABLE", "runs")
	t.Setenv("CLASS_SIZES_PARAM", "/classes")
	says := func(service, operation, code, message string) error {
		return fmt.Errorf("look: %w", &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: message}})
	}
	call := func(err error) error {
		return &smithy.OperationError{ServiceID: "SFN", OperationName: "DescribeExecution", Err: err}
	}
	for name, c := range map[string]struct {
		err   error
		want  string
		usage bool
	}{
		"a permission that is missing": {
			err:  says("SFN", "GetExecutionHistory", "AccessDeniedException", "User: me is not authorized"),
			want: "AWS does not allow states:GetExecutionHistory: User: me is not authorized; allow that action to the user or role that you are, or use another AWS_PROFILE",
		},
		"one of CloudWatch Logs": {
			err:  says("CloudWatch Logs", "GetLogEvents", "AccessDeniedException", "no"),
			want: "AWS does not allow logs:GetLogEvents: no; allow that action to the user or role that you are, or use another AWS_PROFILE",
		},
		"credentials that are too old": {
			err:  says("DynamoDB", "Query", "ExpiredTokenException", "token"),
			want: "the AWS credentials have expired: log in again, as with `aws sso login`",
		},
		"credentials of nobody": {
			err:  says("DynamoDB", "Query", "UnrecognizedClientException", "The security token AKIA is invalid"),
			want: "AWS does not know these credentials (UnrecognizedClientException): choose a profile with AWS_PROFILE, or log in again",
		},
		"a region that is not enabled": {
			err:  says("CloudFormation", "DescribeStacks", "OptInRequired", "no"),
			want: "region eu-central-1 is not enabled in this account: enable it, or use another --region",
		},
		"a table that there is not": {
			err:  says("DynamoDB", "Query", "ResourceNotFoundException", "Requested resource not found"),
			want: "there is no table runs in region eu-central-1: compare the name, and --region", usage: true,
		},
		"a parameter that there is not": {
			err:  says("SSM", "GetParameter", "ParameterNotFound", ""),
			want: "there is no parameter /classes in region eu-central-1: compare the name, and --region", usage: true,
		},
		"an API that is asked too often": {
			err:  says("SFN", "GetExecutionHistory", "ThrottlingException", "Rate exceeded"),
			want: "AWS did not answer states:GetExecutionHistory in 4 attempts (ThrottlingException): try again in a minute",
		},
		"a network that is not there": {
			err:  call(&net.OpError{Op: "dial", Err: errors.New("connection refused")}),
			want: "AWS does not answer states:DescribeExecution in region eu-central-1 (connection refused): look at the network, --region and AWS_ENDPOINT_URL",
		},
		"a call that takes too long": {
			err:  call(context.DeadlineExceeded),
			want: "AWS does not answer states:DescribeExecution in region eu-central-1 (context deadline exceeded): look at the network, --region and AWS_ENDPOINT_URL",
		},
		"a person who does not wait": {
			err:  call(context.Canceled),
			want: "stopped before AWS answered",
		},
		"an answer that nobody foresaw": {
			err:  says("SFN", "DescribeExecution", "InvalidArn", "no ARN"),
			want: "look: operation error SFN: DescribeExecution, api error InvalidArn: no ARN",
		},
		"a call without an answer or a network error": {
			err:  call(errors.New("no endpoint")),
			want: "operation error SFN: DescribeExecution, no endpoint",
		},
		"what AWS has nothing to do with": {
			err:  errors.New("there is no run job-1"),
			want: "there is no run job-1",
		},
	} {
		got := (&cloud{config: aws.Config{Region: "eu-central-1"}}).explain(c.err)
		if got == nil || got.Error() != c.want || errors.As(got, new(usageError)) != c.usage {
			t.Errorf("%s:\ngot  %v\nwant %s", name, got, c.want)
		}
	}
	if err := (&cloud{}).explain(nil); err != nil {
		t.Errorf("of no error: %v", err)
	}
}

// Command probe is a Lambda function that obeys its events, for the tests.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Do  string `json:"do"`
	URL string `json:"url"` // of call
}

type report struct {
	PID       int      `json:"pid"`
	RequestID string   `json:"request_id"`
	ARN       string   `json:"arn"`
	MemoryMB  int      `json:"memory_mb"`
	LogGroup  string   `json:"log_group"`
	LogStream string   `json:"log_stream"`
	LeftMS    int64    `json:"left_ms"`
	Traced    bool     `json:"traced"`
	Env       []string `json:"env"`
}

func main() {
	switch os.Getenv("START") {
	case "exits":
		fmt.Fprintln(os.Stderr, "the probe has no table")
		os.Exit(3)
	case "reports":
		report := []byte(`{"errorType":"Probe.NoTable","errorMessage":"the probe has no table"}`)
		answer, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "application/json", bytes.NewReader(report))
		fmt.Println("the host says", answer.StatusCode, err)
		select {}
	}
	slog.SetDefault(lambdacontext.NewLogger())
	lambda.Start(handle)
}

func handle(ctx context.Context, o order) (report, error) {
	slog.InfoContext(ctx, "ordered", "do", o.Do)
	switch o.Do {
	case "fail":
		return report{}, messages.InvokeResponse_Error{Type: "Runner.NoCapacity", Message: "no room"}
	case "fail without a name":
		return report{}, errors.New("no room")
	case "panic":
		panic("the probe panics")
	case "exit":
		os.Exit(7)
	case "hang":
		select {}
	case "call":
		answer, err := http.Get(o.URL)
		if err != nil {
			return report{}, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return report{PID: os.Getpid()}, err
	}
	context, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return report{
		PID: os.Getpid(), RequestID: context.AwsRequestID, ARN: context.InvokedFunctionArn, MemoryMB: lambdacontext.MemoryLimitInMB,
		LogGroup: lambdacontext.LogGroupName, LogStream: lambdacontext.LogStreamName,
		LeftMS: time.Until(deadline).Milliseconds(), Traced: os.Getenv("_X_AMZN_TRACE_ID") != "", Env: os.Environ(),
	}, nil
}

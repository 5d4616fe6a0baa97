//go:build aws

package awstest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// StateMachines is the configuration of a client of another moto server, which runs
// state machines. It calls their functions at lambda, as AWS Lambda's Invoke is called.
// The server ends with the test.
func StateMachines(t testing.TB, lambda http.Handler) aws.Config {
	t.Helper()
	functions := httptest.NewServer(lambda)
	t.Cleanup(functions.Close)
	port := functions.URL[strings.LastIndex(functions.URL, ":")+1:]
	moto, err := start("../../../statemachine/secondopinion/serve.py", "MOTO_PORT="+port)
	if err != nil {
		t.Fatalf("start moto: %v", err)
	}
	t.Cleanup(func() { _ = moto.stdin.Close() })
	return config(moto.url)
}

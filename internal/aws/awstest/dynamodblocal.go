//go:build aws

package awstest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// EnvDynamoDBLocal names the folder that has DynamoDB Local's jars. Without it
// there is no such server.
const EnvDynamoDBLocal = "DYNAMODB_LOCAL"

// DynamoDBLocal is the configuration of a client of DynamoDB Local, which is AWS's
// own; false if it is not installed.
func DynamoDBLocal(t testing.TB) (aws.Config, bool) {
	t.Helper()
	if os.Getenv(EnvDynamoDBLocal) == "" {
		return aws.Config{}, false
	}
	local, err := dynamoDBLocal()
	if err != nil {
		t.Fatalf("start DynamoDB Local: %v", err)
	}
	return config(local.url), true
}

var dynamoDBLocal = sync.OnceValues(startDynamoDBLocal)

func startDynamoDBLocal() (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	jars := os.Getenv(EnvDynamoDBLocal)
	// It does not look at its standard input, so the shell does for it.
	cmd := exec.Command("sh", "-c", `"$@" & read -r _; kill $!`, "sh",
		"java", "-Djava.library.path="+jars, "-cp", filepath.Join(jars, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-disableTelemetry", "-port", port)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", port)
	for begun := time.Now(); time.Since(begun) < startLimit; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return &process{"http://" + address, stdin}, nil
		}
	}
	return nil, fmt.Errorf("nobody listens on %s after %s", address, startLimit)
}

// freePort is a port that is free just now: DynamoDB Local cannot choose one itself.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", err
	}
	return port, listener.Close()
}

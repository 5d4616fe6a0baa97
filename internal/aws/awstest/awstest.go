//go:build aws

// Package awstest gives tests an AWS on this machine: a moto server, which this
// project did not write.
//
// One server is started for all tests of a process, when the first one asks. It
// ends when its standard input does, so it never outlives the process. `make
// test-aws` puts the Python that has moto first on the PATH.
package awstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// Config is the configuration of a client of the server. What tests make there is
// shared by all of the process, so they give it names of its own.
func Config(t testing.TB) aws.Config {
	t.Helper()
	moto, err := server()
	if err != nil {
		t.Fatalf("start moto: %v", err)
	}
	return config(moto.url)
}

func config(url string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &url,
		Credentials:  aws.CredentialsProviderFunc(credentials),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = 3 // as the functions do, and at a test's pace
				o.MaxBackoff = 10 * time.Millisecond
			})
		},
	}
}

// startLimit is how long the server may take; Python alone takes some seconds on
// a busy machine.
const startLimit = 45 * time.Second

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// process is a server that runs.
type process struct {
	url   string
	stdin io.Closer // kept, or the garbage collector would close it and so end the server
}

// server starts the server once.
var server = sync.OnceValues(func() (*process, error) { return start("serve.py") })

// start starts a server by its script, whose path is relative to this folder.
func start(script string, environ ...string) (*process, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return nil, errors.New("this source file's folder is not known")
	}
	cmd := exec.Command("python", filepath.Join(filepath.Dir(here), script))
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(append(inherited, environ...), "NO_PROXY=*", "no_proxy=*", "PYTHONUNBUFFERED=1", "NO_COLOR=1")
	stdin, err := cmd.StdinPipe() // open as long as this process is
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	var said strings.Builder
	go func() {
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if at := running.FindStringSubmatch(lines.Text()); at != nil {
				address <- at[1]
				_, _ = io.Copy(io.Discard, stderr) // its log of requests
				return
			}
			said.WriteString(lines.Text() + "\n")
		}
	}()
	select {
	case url, ok := <-address:
		if !ok {
			return nil, fmt.Errorf("the server ended (does `make test-aws` run this?):\n%s", said.String())
		}
		return &process{url, stdin}, nil
	case <-time.After(startLimit):
		return nil, fmt.Errorf("no answer after %s", startLimit)
	}
}

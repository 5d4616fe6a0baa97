package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the program itself under the name "ecsrunner",
// which testscript links on PATH. The fleet starts its runners with
// os.Executable, and for a hard link that is its own name: they are the program too. What
// it prints as JSON is compared with its schema.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ecsrunner": checkedMain})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                scriptCommands,
		Setup: func(env *testscript.Env) error {
			// A program with the race detector waits a second before it ends
			// (https://go.dev/doc/articles/race_detector), unless GORACE says not to.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
	})
}

//go:build aws

package flow

import (
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/lambdahost"
)

// nonsense is a payload that every function can read and none can act on.
var nonsense = json.RawMessage(`{"version":"2.0","detail-type":"nothing","source":"nobody","detail":{},"runner_id":"nobody-1-1","state":"nowhere","document":{"job":{},"plan":{"image_spec":{},"size":{}},"image":{},"task_definition":{}}}`)

// TestVariablesThatAreSetAreRead, and the other way round: a function starts with the
// template's variables, and does not start if any one of them is missing. Only those of Go's
// runtime may be: they make it faster.
func TestVariablesThatAreSetAreRead(t *testing.T) {
	w := start(t)
	for _, f := range functions.All {
		name := f.Folder()
		t.Run(name, func(t *testing.T) {
			env := w.environment(name)
			if len(env) == 0 {
				t.Fatal("the template sets nothing")
			}
			if _, err := w.functions[name].Invoke(t.Context(), nonsense); isInit(err) {
				t.Fatalf("it does not start: %v", err)
			}
			ofGo := f.Runtime()
			for _, variable := range slices.Sorted(maps.Keys(env)) {
				if _, ok := ofGo[variable]; ok {
					continue
				}
				f, err := lambdahost.New(lambdahost.Config{Name: name, Command: []string{program(t, name)}, Env: w.without(name, variable), Timeout: 10 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				_, err = f.Invoke(t.Context(), nonsense)
				f.Close()
				var failed *lambdahost.Error
				if !errors.As(err, &failed) || !failed.Init || !strings.Contains(failed.Output, variable+" is not set") {
					t.Errorf("without %s: %v: nobody reads it, or nobody says so", variable, err)
				}
			}
		})
	}
}

func isInit(err error) bool {
	var failed *lambdahost.Error
	return errors.As(err, &failed) && failed.Init
}

// without is a function's environment without one variable.
func (w *world) without(name, variable string) map[string]string {
	env := w.environment(name)
	delete(env, variable)
	w.addRuntime(name, env)
	return env
}

// TestAssetsRun starts each function from the cloud assembly, as Lambda would get it.
// The assets are for arm64; on another machine an emulator runs them.
func TestAssetsRun(t *testing.T) {
	w := start(t)
	emulator := []string{}
	if arm, err := exec.Command("uname", "-m").Output(); err != nil || strings.TrimSpace(string(arm)) != "aarch64" {
		path, err := exec.LookPath("qemu-aarch64-static")
		if err != nil {
			t.Fatal("qemu-aarch64-static is needed to run functions for arm64 (on Debian: apt-get install qemu-user-static)")
		}
		emulator = append(emulator, path)
	}
	ids := w.stack.tpl.functions(t)
	for _, f := range functions.All {
		name := f.Folder()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			properties := w.stack.tpl.Resources[ids[name]].Properties
			if architectures, _ := properties["Architectures"].([]any); len(architectures) != 1 || architectures[0] != "arm64" {
				t.Fatalf("architectures %v", properties["Architectures"])
			}
			key, _ := properties["Code"].(map[string]any)["S3Key"].(string)
			dir := w.stack.tpl.assets[strings.TrimSuffix(key, ".zip")]
			if dir == "" {
				t.Fatalf("the assembly has no asset %s", key)
			}
			env := w.environment(name)
			w.addRuntime(name, env)
			f, err := lambdahost.New(lambdahost.Config{Name: name, Command: append(slices.Clone(emulator), filepath.Join(dir, "bootstrap")), Env: env, Timeout: 30 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			_, err = f.Invoke(t.Context(), nonsense)
			var failed *lambdahost.Error
			if isInit(err) || err != nil && !errors.As(err, &failed) || failed != nil && (failed.ErrorType == lambdahost.ExitError || failed.ErrorType == lambdahost.Timedout) {
				t.Errorf("it answers no invocation: %v", err)
			}
		})
	}
}

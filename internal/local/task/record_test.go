package task

import (
	"os"
	"path/filepath"
	"testing"
)

// What identifies a launch is what it was in the previous release: else the same client
// token is refused after an upgrade, or after the way back.
func TestParametersAreThoseOfThePreviousRelease(t *testing.T) {
	s := Spec{RunnerID: "old-7-1", ClientToken: "old-7-1.0", Env: map[string]string{"CLAIM_TOKEN": "once"}, Image: "sha256:image", CPU: 512, Memory: 1024}
	for kind, want := range map[Kind]string{
		Processes:  "869a0f98108d9407e4a6c8b08907b107413702660568563316eb1e82a82f50e6",
		Containers: "5433fb7b5ac37a2f5de226a2e41f7842ff129bda67dee113b5531cdbad4acffd",
	} {
		if got := kind.parameters(s); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

// To kill(2), -1 is every process, and 1 is init.
func TestProcessesThatAreNoTasks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old-7-1.json")
	for pid, ok := range map[string]bool{"2": true, "1": false, "-1": false, "-7": false} {
		text := `{"schema":2,"pid":` + pid + `,"task":{"taskArn":"local:task/old-7-1/0","startedBy":"old-7-1","lastStatus":"RUNNING","containers":[{"name":"runner"}],"createdAt":"2026-08-01T12:00:00Z"}}`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Processes.read(path, "old-7-1"); (err == nil) != ok {
			t.Errorf("process %s: %v", pid, err)
		}
	}
}

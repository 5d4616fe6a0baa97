package task

import (
	"fmt"
	"path/filepath"
	"regexp"
)

// LogsDir is the folder of runners' logs in the data directory.
const LogsDir = "logs"

// maxRunnerID leaves room for a suffix within a file name's 255 bytes; ids of
// this fleet have at most 50 characters.
const maxRunnerID = 128

// Lower case only: macOS ignores case in file names.
var runnerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// CheckRunnerID refuses what must not become part of a path.
func CheckRunnerID(id string) error {
	if len(id) > maxRunnerID || !runnerID.MatchString(id) {
		return fmt.Errorf("%q is no runner id: use 1 to %d of a-z, 0-9 and -, beginning with a letter or digit", id, maxRunnerID)
	}
	return nil
}

// LogPath is where the log of a runner's task is, was, or will be below the data
// directory. It fails only if the runner id is invalid.
func LogPath(dir, runnerID string) (string, error) {
	if err := CheckRunnerID(runnerID); err != nil {
		return "", err
	}
	return filepath.Join(dir, LogsDir, runnerID+".log"), nil
}

func (l *Ledger) recordPath(runnerID string) string {
	return filepath.Join(l.cfg.Dir, string(l.kind), runnerID+".json")
}

// arnPrefix is what the ARNs of a runner's tasks have in common.
func arnPrefix(runnerID string) string { return "local:task/" + runnerID + "/" }

package process

import (
	"fmt"
	"path/filepath"
	"regexp"
)

const (
	runnersDir = "runners"
	logsDir    = "logs"
	tasksDir   = "tasks"
)

// maxRunnerID leaves room for a suffix within a file name's 255 bytes; ids of
// this fleet have at most 50 characters.
const maxRunnerID = 128

// Lower case only: macOS does not tell upper from lower in a file's name.
var runnerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// checkRunnerID refuses what must not become part of a path.
func checkRunnerID(id string) error {
	if len(id) > maxRunnerID || !runnerID.MatchString(id) {
		return fmt.Errorf("%q is no runner id: use 1 to %d of a-z, 0-9 and -, beginning with a letter or digit", id, maxRunnerID)
	}
	return nil
}

// LogPath is where the log of a runner's task is, was, or will be below the data
// directory. It fails only for what is no runner id.
func LogPath(dir, runnerID string) (string, error) {
	if err := checkRunnerID(runnerID); err != nil {
		return "", err
	}
	return filepath.Join(dir, logsDir, runnerID+".log"), nil
}

func (l *Launcher) logPath(id string) string { return filepath.Join(l.cfg.Dir, logsDir, id+".log") }
func (l *Launcher) workDir(id string) string { return filepath.Join(l.cfg.Dir, runnersDir, id) }
func (l *Launcher) recordPath(id string) string {
	return filepath.Join(l.cfg.Dir, tasksDir, id+".json")
}

// arnPrefix is what the ARNs of a runner's tasks have in common.
func arnPrefix(runnerID string) string { return "local:task/" + runnerID + "/" }

func tempDir(work string) string { return filepath.Join(work, "tmp") }

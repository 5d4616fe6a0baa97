//go:build unix

package process

import (
	"maps"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// basePath has the directories of a system's own programs. Where others are
// needed, Config.Env says so.
const basePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is all that a task's process gets, sorted. The fleet's own
// environment, which leads to the GitHub credential, is not looked at.
func environment(work string, given []string, t task.Task) []string {
	env := map[string]string{
		"HOME":   work,
		"LANG":   "C.UTF-8",
		"PATH":   basePath,
		"TMPDIR": tempDir(work),
	}
	for _, entry := range given {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	maps.Copy(env, t.Env)
	env[taskVariable] = t.ARN

	var entries []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		entries = append(entries, name+"="+env[name])
	}
	return entries
}

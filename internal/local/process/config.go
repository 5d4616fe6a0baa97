// Package process runs the one-machine platform's tasks without a container engine: a
// task is a session of processes with a work directory of its own.
//
// Surprisingly, a task depends on nothing of the fleet's process, which has the GitHub
// credential: it inherits nothing, writes its log itself, and outlives a fleet that is
// killed. Only its exit code is lost then: the operating system reports it to the parent
// alone.
//
// It is no sandbox: a task has the rights of the user that the fleet runs as.
package process

import "time"

// Config says where and how tasks run.
type Config struct {
	// Dir holds runners/<id>: work directories, removed when their task ends.
	Dir string

	// Command is what runs in the container's place. A name with a slash in it is
	// relative to the work directory; one without is looked up in the fleet's PATH.
	Command []string

	// Env is added to the few variables that every task has: HOME (its work
	// directory), TMPDIR (below that), LANG, and a PATH of the system's own
	// directories. A Spec's variables win over these.
	Env []string

	// Template is a directory to lay into each work directory, such as GitHub's
	// runner as it was unpacked (and never run there). Its files are hard links
	// where the file system can: to write into one changes it for every task.
	Template string

	Grace  time.Duration // from SIGTERM to SIGKILL, by default task.DefaultGrace
	MaxLog int64         // bytes of one log file, by default task.DefaultMaxLog

	After func(time.Duration) <-chan time.Time // by default time.After
}

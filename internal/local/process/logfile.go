package process

import (
	"fmt"
	"os"
	"time"
)

// trimInterval is how often a running task's log is cut to its limit.
const trimInterval = 2 * time.Second

// logFile is a task's log. The task writes to it directly: a pipe through this
// process would stop the task when this process is slow, and end it when this
// process crashes. So the file may be over its limit until it is trimmed.
type logFile struct {
	file  *os.File
	limit int64
	cut   bool
}

// openLog continues the runner's log, if there is one. A log that could not be
// opened takes everything and keeps nothing.
func openLog(path string, limit int64) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		err = fmt.Errorf("open the log: %w", err)
	}
	return &logFile{file: file, limit: limit}, err
}

func (f *logFile) Close() error { return f.file.Close() }

// say writes one line of the launcher's own.
func (f *logFile) say(format string, args ...any) {
	fmt.Fprintf(f.file, "ecsrunner: "+format+"\n", args...)
}

func (f *logFile) sayIf(err error) {
	if err != nil {
		f.say("%v", err)
	}
}

// trim drops what goes beyond the limit and says so in one line, the last one.
func (f *logFile) trim() {
	line := fmt.Sprintf("\necsrunner: the log was cut here: it is limited to %d bytes\n", f.limit)
	allowed := f.limit
	if f.cut {
		allowed += int64(len(line))
	}
	info, err := f.file.Stat()
	if err != nil || info.Size() <= allowed {
		return
	}
	if f.file.Truncate(f.limit) == nil {
		f.cut = true
		_, _ = f.file.WriteString(line)
	}
}

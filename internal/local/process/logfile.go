//go:build unix

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
// process crashes. So the file may be over its limit until it is trimmed. A nil file
// refuses everything.
type logFile struct {
	file  *os.File
	limit int64
	cut   bool
}

// say writes one line of the runner's own.
func (f *logFile) say(format string, args ...any) {
	fmt.Fprintf(f.file, "ecsrunner: "+format+"\n", args...)
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

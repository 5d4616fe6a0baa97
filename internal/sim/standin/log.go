package standin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// linePrefix begins every line on stdout, so that a simulation is not mistaken
// for GitHub's runner.
const linePrefix = "simulated runner: "

// prefixed writes whole lines. It is safe for concurrent use.
type prefixed struct {
	mu sync.Mutex
	to io.Writer
}

func (p *prefixed) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.to, linePrefix+format+"\n", args...)
}

// maxLine is where a longer line is broken. No batch is longer than two, so
// that it stays below the simulated GitHub's 1 MiB however JSON escapes it.
const maxLine = 64 << 10

// jobLog copies a job's lines to stdout and to the simulated GitHub, which gets the
// lines that have gathered while it handled the previous ones.
type jobLog struct {
	out   *prefixed
	lines chan string
	sent  chan struct{}
}

func newJobLog(ctx context.Context, c *connection, out *prefixed, job int64) *jobLog {
	l := &jobLog{out: out, lines: make(chan string, 1000), sent: make(chan struct{})}
	go func() {
		defer close(l.sent)
		for line := range l.lines {
			batch, size := []string{line}, len(line)
			for more := true; more && size < maxLine; {
				select {
				case line, ok := <-l.lines:
					if more = ok; ok {
						batch, size = append(batch, line), size+len(line)+1
					}
				default:
					more = false
				}
			}
			// A log that cannot be sent must not stop the job.
			if err := c.log(ctx, job, batch); err != nil && ctx.Err() == nil {
				out.printf("send the log: %v", err)
			}
		}
	}()
	return l
}

func (l *jobLog) printf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	l.out.printf("%s", line)
	l.lines <- line
}

// copy adds what it reads, line by line, until r ends.
func (l *jobLog) copy(r io.Reader) {
	buffered := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := buffered.ReadSlice('\n')
		if len(line) > 0 {
			l.printf("%s", strings.ToValidUTF8(strings.TrimRight(string(line), "\r\n"), "�"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// close returns when all lines are sent. Nothing may be added any more.
func (l *jobLog) close() {
	close(l.lines)
	<-l.sent
}

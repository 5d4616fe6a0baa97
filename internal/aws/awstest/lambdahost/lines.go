package lambdahost

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// lines collects what processes write.
type lines struct {
	mu    sync.Mutex
	lines []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// splitter passes one process's stream on line by line.
type splitter struct {
	to []*lines

	rest []byte // of a line that has not ended
}

func (s *splitter) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		s.emit(line)
		s.rest = rest
	}
}

// flush passes on a last line without an end.
func (s *splitter) flush() {
	if len(s.rest) > 0 {
		s.emit(s.rest)
	}
	s.rest = nil
}

func (s *splitter) emit(line []byte) {
	for _, to := range s.to {
		to.add(strings.TrimSuffix(string(line), "\r"))
	}
}

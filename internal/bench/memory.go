package bench

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// held is what this process holds.
type held struct {
	heap        int64 // Go's heap and stacks, in bytes, after a collection
	resident    int64 // 0 if the system does not say
	descriptors int   // 0 if the system does not say
	goroutines  int
}

// used is what a process has used so far.
type used struct {
	cpu  time.Duration
	peak int64 // of resident memory, in bytes
}

func hold() held {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held{heap: int64(m.HeapAlloc + m.StackInuse), resident: resident(), descriptors: descriptors(), goroutines: runtime.NumGoroutine()}
}

// resident is what Linux says of this process.
func resident() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}

// load is Linux's load average.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func descriptors() int {
	open, err := os.ReadDir("/dev/fd") // of Linux and macOS
	if err != nil {
		return 0
	}
	return max(0, len(open)-1) // the directory itself
}

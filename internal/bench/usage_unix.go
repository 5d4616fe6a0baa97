//go:build unix

package bench

import (
	"runtime"
	"syscall"
	"time"
)

func usage() used {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return used{}
	}
	peak := int64(u.Maxrss)
	if runtime.GOOS != "darwin" {
		peak <<= 10 // KiB elsewhere
	}
	return used{cpu: time.Duration(u.Utime.Nano() + u.Stime.Nano()), peak: peak}
}

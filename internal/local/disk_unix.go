//go:build unix

package local

import (
	"fmt"
	"syscall"
)

// freeOf is how many bytes a user has left on the disk of a path.
func freeOf(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", path, err)
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}

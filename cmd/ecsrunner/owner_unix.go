//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file the owner and the group of the one whose place it takes. It
// fails if this user may not do that.
func keepOwner(file *os.File, was fs.FileInfo) error {
	is, err := file.Stat()
	if err != nil {
		return err
	}
	has, ok := is.Sys().(*syscall.Stat_t)
	wants, known := was.Sys().(*syscall.Stat_t)
	if !ok || !known || has.Uid == wants.Uid && has.Gid == wants.Gid {
		return nil
	}
	if err := file.Chown(int(wants.Uid), int(wants.Gid)); err != nil {
		return fmt.Errorf("keep the file's owner: %w", err)
	}
	return nil
}

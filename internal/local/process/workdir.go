//go:build unix

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// prepareWorkDir replaces a task's work directory by a new one and lays the template
// into it. It stops early when ctx ends.
func prepareWorkDir(ctx context.Context, work, template string) error {
	if err := removeTree(work); err != nil {
		return fmt.Errorf("remove an earlier work directory: %w", err)
	}
	if err := os.Mkdir(work, 0o700); err != nil {
		return fmt.Errorf("make the work directory: %w", err)
	}
	if template != "" {
		if err := lay(ctx, template, work); err != nil {
			return fmt.Errorf("lay %s into the work directory: %w", template, err)
		}
	}
	if err := os.MkdirAll(tempDir(work), 0o700); err != nil {
		return fmt.Errorf("make the work directory: %w", err)
	}
	return nil
}

// lay gives target the content of template: new directories, symbolic links as they
// are, files as hard links or else as copies.
func lay(ctx context.Context, template, target string) error {
	root, err := filepath.EvalSymlinks(template)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(from string, entry fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		below, err := filepath.Rel(root, from)
		if err != nil {
			return err
		}
		to := filepath.Join(target, below)
		switch entry.Type() {
		case fs.ModeDir:
			return os.MkdirAll(to, 0o700)
		case fs.ModeSymlink:
			link, err := os.Readlink(from)
			if err != nil {
				return err
			}
			return os.Symlink(link, to)
		case 0:
			if os.Link(from, to) == nil {
				return nil
			}
			return copyFile(from, to)
		}
		return fmt.Errorf("%s is neither directory, file nor symbolic link", from)
	})
}

func copyFile(from, to string) (err error) {
	// A process forked meanwhile would hold the file open for writing until it runs its
	// own program, and until then the file could not be executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

func removeWorkDir(work string, log *logFile) {
	if err := removeTree(work); err != nil {
		log.say("remove the work directory: %v", err)
	}
}

// removeTree removes a directory with all that is in it. Jobs leave directories from
// which nothing can be removed, such as Go's module cache: removeTree makes those
// writable first.
func removeTree(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(p string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}

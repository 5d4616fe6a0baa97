package mutation

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// notCopied are folders that no test needs, wherever they are: what is installed or
// built, and the repository's history.
var notCopied = map[string]bool{".git": true, ".cache": true, "node_modules": true, "build": true, "cdk.out": true}

// copyTree copies the files of a repository as they are now, with what is not committed
// yet.
func copyTree(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if notCopied[entry.Name()] {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil // a worktree's .git is a file
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyEntry(path, filepath.Join(to, rel), entry)
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

func copyEntry(from, to string, entry fs.DirEntry) error {
	switch {
	case entry.IsDir():
		return os.MkdirAll(to, 0o755)
	case entry.Type() == fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case !entry.Type().IsRegular():
		return nil
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

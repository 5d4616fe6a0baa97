package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// ignoreFile says which files of a folder are not in its context. A Dockerfile may have
// its own, with the Dockerfile's name before the dot, which is used instead
// (https://docs.docker.com/build/concepts/context/#dockerignore-files).
const ignoreFile = ".dockerignore"

// Ignored reads which files of the folder are not part of its context: the function
// that it returns reports that for a name with slashes. The Dockerfile and the ignore
// file are always part of it: a builder needs them.
func (f Folder) Ignored() (func(name string) (bool, error), error) {
	name := f.Dockerfile + ignoreFile
	text, err := os.ReadFile(filepath.Join(f.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		name = ignoreFile
		text, err = os.ReadFile(filepath.Join(f.Dir, name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return func(string) (bool, error) { return false, nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("%s has a pattern that cannot be read: %w", name, err)
	}
	always := []string{f.Dockerfile, name}
	return func(file string) (bool, error) {
		if slices.Contains(always, file) {
			return false, nil
		}
		return matcher.MatchesOrParentMatches(filepath.FromSlash(file))
	}, nil
}

// Walk calls do for every file and link of the context, by its name with slashes, in the
// order of the names.
func (f Folder) Walk(do func(name string, info fs.FileInfo) error) error {
	ignored, err := f.Ignored()
	if err != nil {
		return err
	}
	return filepath.WalkDir(f.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.Dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if out, err := ignored(name); err != nil || out {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return do(name, info)
	})
}

package runnerfleet

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// leftOut are folders that are never part of a build context.
var leftOut = []string{".git", "node_modules", "cdk.out"}

// walkContext calls do for every file of a build context, by its place in it, except
// those that its .dockerignore leaves out. Folders in without are no part of it. A link
// is refused: the zip that is deployed has none.
func walkContext(context runner.Folder, do func(name string, entry fs.DirEntry) error, without ...string) error {
	ignored, err := context.Ignored()
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(context.Dir)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains(leftOut, entry.Name()) || slices.Contains(without, path)):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if out, err := ignored(filepath.ToSlash(name)); err != nil || out {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder, and a deployment takes nothing else along; put what is needed there itself", path)
		}
		return do(name, entry)
	})
}

// copyContext copies a build context, without some folders by their absolute paths.
func copyContext(context runner.Folder, to string, without ...string) error {
	return walkContext(context, func(name string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(filepath.Join(context.Dir, name))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, info.Mode().Perm())
	}, without...)
}

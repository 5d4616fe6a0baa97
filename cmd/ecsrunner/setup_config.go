package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
)

// configure has the configuration name a new App. Where there is no file, or it says
// otherwise, it tells which lines to add.
func (u *settingUp) configure(id, ref string) error {
	lines := fmt.Sprintf("github_app:\n  id: %q\n  private_key: %s\n", id, ref)
	path := u.configPath()
	file, err := config.Load(path)
	if err == nil && len(file.GitHubApps) > 0 {
		if string(file.GitHubApps[0].ID) == id {
			return nil
		}
		err = errors.New("names another App")
	}
	if err == nil {
		err = addLines(path, lines, func(c config.Config) bool { return len(c.GitHubApps) == 1 && string(c.GitHubApps[0].ID) == id })
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("is not there")
		}
		u.say("configuration: %s was not changed (%s): add these lines to the fleet's configuration\n%s", path, strings.ReplaceAll(err.Error(), "\n", "; "), lines)
		return nil
	}
	u.say("configuration: added github_app to %s", path)
	return nil
}

// addLines adds lines to the end of the configuration, if it then is what it should be.
func addLines(path, lines string, right func(config.Config) bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(text, lines...)
	c, err := config.Parse(text, path)
	if err != nil {
		return err
	}
	if !right(c) {
		return errors.New("would not say that afterwards")
	}
	return replace(path, text)
}

// replace writes a file as a whole, with the mode that it has.
func replace(path string, text []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // it is gone if all went well
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

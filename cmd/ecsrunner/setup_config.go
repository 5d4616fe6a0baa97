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
		err = errors.New("it names another App")
	}
	if err == nil {
		err = addLines(path, lines, func(c config.Config) bool { return len(c.GitHubApps) == 1 && string(c.GitHubApps[0].ID) == id })
	}
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = errors.New("it is not there")
		case errors.Is(err, errFlow):
			lines = fmt.Sprintf("github_app: {id: %q, private_key: %q}\n", id, ref)
		}
		u.say("configuration: %s was not changed (%s): add these lines to the fleet's configuration\n%s", path, strings.ReplaceAll(err.Error(), "\n", "; "), lines)
		return nil
	}
	u.say("configuration: added github_app to %s", path)
	return nil
}

// errFlow says that a configuration takes no line at its end.
var errFlow = errors.New("its keys are in braces, a flow mapping, to which no line can be added")

// addLines adds lines to the end of the configuration, if it then is what it should be.
func addLines(path, lines string, right func(config.Config) bool) error {
	text, err := withLines(path, lines, right)
	if err != nil {
		return err
	}
	return replace(path, text)
}

// withLines is the text of the configuration with lines at its end. It fails where they
// cannot be added, and then changes nothing either.
func withLines(path, lines string, right func(config.Config) bool) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o200 == 0 {
		return nil, fmt.Errorf("it is read-only, mode %#o; chmod u+w lets this command write it", mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if config.IsFlow(text) {
		return nil, errFlow
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(text, lines...)
	c, err := config.Parse(text, path)
	if err != nil {
		return nil, err
	}
	if !right(c) {
		return nil, errors.New("it would not say that afterwards")
	}
	return text, nil
}

// replace writes a file as a whole, with the owner and the mode that it has.
func replace(path string, text []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := fs.FileMode(0o600)
	was, missing := os.Stat(path)
	if missing == nil {
		mode = was.Mode().Perm()
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // it is gone if all went well
	_, err = temporary.Write(text)
	if missing == nil {
		err = errors.Join(err, keepOwner(temporary, was))
	}
	if err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Foreign says that a directory has files, and none by which it is a fleet's.
type Foreign struct {
	Dir   string
	Found []string // the names of those files
}

// mostNamed is how many of them a line names.
const mostNamed = 3

func (f Foreign) Error() string {
	var names []string
	for _, name := range f.Found[:min(len(f.Found), mostNamed)] {
		names = append(names, fmt.Sprintf("%q", name))
	}
	list := strings.Join(names, ", ")
	if more := len(f.Found) - mostNamed; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("data directory %s has other files (%s), and is no fleet's: name a directory that is empty, or is not there yet, as %s/ecsrunner", f.Dir, list, strings.TrimSuffix(f.Dir, "/"))
}

// ofAFleet are files that make a directory a fleet's, whatever else is in it: a fleet or a
// set-up writes them, into a directory that Check has admitted.
var ofAFleet = []string{"fleet.db", "claim.key", "webhook-secret", "github-app.pem"}

// harmless are what may be in a directory that is to become a fleet's: what is written
// before the files above, the configuration, and what a file system of its own has.
var harmless = []string{lockName, "programs", "fleet.log", "fleet.yaml", "lost+found"}

// halfWritten reports whether a name is that of a file that was to be renamed to one of
// the others.
func halfWritten(name string) bool {
	return slices.ContainsFunc(slices.Concat(ofAFleet, harmless), func(whole string) bool { return strings.HasPrefix(name, "."+whole+"-") })
}

// Check fails with Foreign if the directory is another's than a fleet's. One that is empty
// or not there may become a fleet's. Check changes nothing.
func Check(dir string) error {
	_, err := look(dir)
	return err
}

type kind int

const (
	absent kind = iota
	free        // it is there, and may become a fleet's
	own         // it is a fleet's
)

func look(dir string) (kind, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent, nil
	case err != nil:
		return absent, fmt.Errorf("look into data directory: %w", err)
	}
	var others []string
	for _, entry := range entries {
		name := entry.Name()
		if slices.Contains(ofAFleet, name) {
			return own, nil
		}
		if !slices.Contains(harmless, name) && !halfWritten(name) {
			others = append(others, name)
		}
	}
	if others != nil {
		return absent, Foreign{Dir: dir, Found: others}
	}
	return free, nil
}

// Make makes the data directory, closed to all but its owner: runners' logs are in it, and
// what lets a task of the fleet go on. One that is a fleet's is closed too, as far as its
// user may, and unless it is shared by its sticky bit. The mode of any other is left as it
// is: what a fleet writes there only its user reads. It fails with Foreign as Check does.
func Make(dir string) error {
	is, err := look(dir)
	switch {
	case err != nil:
		return err
	case is == absent:
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		return nil
	case is == free:
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o077 != 0 && info.Mode()&fs.ModeSticky == 0 {
		err = os.Chmod(dir, info.Mode()&^0o077)
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("close data directory %s to others: %w", dir, err)
	}
	return nil
}

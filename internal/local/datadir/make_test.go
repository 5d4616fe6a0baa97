package datadir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
)

func TestMake(t *testing.T) {
	const shared = fs.ModeSticky | 0o777
	for name, c := range map[string]struct {
		files   []string // nil: there is no directory
		mode    fs.FileMode
		want    fs.FileMode
		foreign string
	}{
		"a directory that is not there":           {nil, 0, 0o700, ""},
		"an empty one":                            {[]string{}, 0o755, 0o755, ""},
		"an empty one that all share":             {[]string{}, shared, shared, ""},
		"a file system of its own":                {[]string{"lost+found"}, 0o755, 0o755, ""},
		"one with the configuration alone":        {[]string{"fleet.yaml"}, 0o755, 0o755, ""},
		"a start that was stopped":                {[]string{"lock", "programs"}, 0o700, 0o700, ""},
		"a set-up that was stopped":               {[]string{".webhook-secret-123"}, 0o700, 0o700, ""},
		"a fleet's":                               {[]string{"fleet.db", "notes"}, 0o755, 0o700, ""},
		"a fleet's that its group may enter":      {[]string{"fleet.db"}, fs.ModeSetgid | 0o775, fs.ModeSetgid | 0o700, ""},
		"a fleet's that all share":                {[]string{"fleet.db"}, shared, shared, ""},
		"one that a set-up has begun":             {[]string{"webhook-secret", "pat"}, 0o750, 0o700, ""},
		"another's":                               {[]string{"a", "b"}, 0o755, 0o755, `("a", "b")`},
		"another's that all share":                {[]string{"a", "b", "c", "d", "e"}, shared, shared, `("a", "b", "c" and 2 more)`},
		"another's with a lock":                   {[]string{"lock", "mail"}, 0o777, 0o777, `("mail")`},
		"another's with a name that is not shown": {[]string{"a\x1b[2J"}, 0o755, 0o755, `("a\x1b[2J")`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if c.files != nil {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				for _, file := range c.files {
					if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chmod(dir, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			checked := datadir.Check(dir)
			err := datadir.Make(dir)
			if foreign := new(datadir.Foreign); c.foreign == "" && (err != nil || checked != nil) ||
				c.foreign != "" && (!errors.As(err, foreign) || checked == nil || !strings.Contains(err.Error(), c.foreign) || !strings.Contains(err.Error(), "name a directory that is empty")) {
				t.Errorf("%v, %v", checked, err)
			}
			if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|c.want {
				t.Errorf("%v, %v: want %v", info.Mode(), err, c.want)
			}
		})
	}
	if err := datadir.Make(filepath.Join("make_test.go")); err == nil {
		t.Error("a file is no directory")
	}
}

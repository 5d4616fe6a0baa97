package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// dataDirVar names the data directory where no flag does.
const dataDirVar = "ECSRUNNER_DATA_DIR"

// dataDir is the flag of commands that need a fleet on this machine.
type dataDir struct{ named string }

func (d *dataDir) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.named, "data-dir", "", "data directory of a fleet on this machine (default $"+dataDirVar+")")
}

// directory is the named data directory.
func (d *dataDir) directory() (string, error) {
	dir := d.named
	if dir == "" {
		dir = os.Getenv(dataDirVar)
	}
	if dir == "" {
		return "", usagef("no data directory is named: use --data-dir or set %s", dataDirVar)
	}
	switch _, err := os.Stat(filepath.Join(dir, sqlite.FileName)); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "", usagef("%s is not a data directory of a fleet: it has no %s; name the --data-dir of `ecsrunner local`, or what `ecsrunner demo --keep` has kept", dir, sqlite.FileName)
	case err != nil:
		return "", fmt.Errorf("look into the data directory: %w", err)
	}
	return dir, nil
}

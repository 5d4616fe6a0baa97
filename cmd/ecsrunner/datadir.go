package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// dataDirVar names the data directory where no flag does.
const dataDirVar = "ECSRUNNER_DATA_DIR"

// source are the flags of commands that look at a fleet.
type source struct {
	dir  string
	json bool
}

func (s *source) flags(cmd *cobra.Command) {
	cmd.Annotations = environment(dataDirVar)
	cmd.Flags().StringVar(&s.dir, "data-dir", "", "data directory of the fleet (default $"+dataDirVar+")")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON with stable field names")
}

// directory is the data directory that was named.
func (s *source) directory() (string, error) {
	dir := s.dir
	if dir == "" {
		dir = os.Getenv(dataDirVar)
	}
	if dir == "" {
		return "", usagef("no data directory is named: use --data-dir or set %s", dataDirVar)
	}
	switch _, err := os.Stat(filepath.Join(dir, sqlite.FileName)); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "", usagef("%s is no data directory of a fleet: it has no %s; name the --data-dir of `ecsrunner local`, or what `ecsrunner demo --keep` has kept", dir, sqlite.FileName)
	case err != nil:
		return "", fmt.Errorf("look into the data directory: %w", err)
	}
	return dir, nil
}

// read opens the fleet's records and hands them to look.
func (s *source) read(ctx context.Context, look func(*sqlite.Store) error) error {
	dir, err := s.directory()
	if err != nil {
		return err
	}
	store, err := sqlite.OpenReadOnly(ctx, filepath.Join(dir, sqlite.FileName))
	if err != nil {
		return err
	}
	defer store.Close()
	return look(store)
}

// tellIfCut says that a list may go on, since every list is bounded.
func tellIfCut(cmd *cobra.Command, listed int) {
	if listed >= report.MostListed {
		cmd.PrintErrf("only the newest %d are listed\n", report.MostListed)
	}
}

// show reads something of the fleet and prints it, for programs or for people.
func show[T any](cmd *cobra.Command, src *source, read func(context.Context, *sqlite.Store) (T, error), print func(io.Writer, T) error) error {
	return src.read(cmd.Context(), func(store *sqlite.Store) error {
		v, err := read(cmd.Context(), store)
		if err != nil {
			return err
		}
		if src.json {
			return printJSON(cmd.OutOrStdout(), v)
		}
		return print(cmd.OutOrStdout(), v)
	})
}

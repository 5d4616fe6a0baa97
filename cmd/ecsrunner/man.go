//go:build man

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// addMan adds the command that writes the manual, which only a build for that has: `make man`.
func addMan(root *cobra.Command) {
	root.AddCommand(&cobra.Command{
		Use:    "man <directory | file.tar.gz> <date>",
		Short:  "Write the manual pages of all commands",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			at, err := time.Parse(time.DateOnly, args[1])
			if err != nil {
				return usagef("date %s: write it as 2026-11-30", args[1])
			}
			if !strings.HasSuffix(args[0], ".tar.gz") {
				return writeManual(root, args[0], at)
			}
			dir, err := os.MkdirTemp("", "ecsrunner-man-")
			if err != nil {
				return fmt.Errorf("make a directory for the manual: %w", err)
			}
			defer os.RemoveAll(dir)
			if err := writeManual(root, dir, at); err != nil {
				return err
			}
			return archive(dir, args[0], at)
		},
	})
}

func writeManual(root *cobra.Command, dir string, at time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of the manual: %w", err)
	}
	root.DisableAutoGenTag = true // the date is in the header
	asPage(root)
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &at, Source: "ECS Runner Fleet " + thisVersion().Version, Manual: "ECS Runner Fleet"}, dir)
}

// asPage makes Markdown, which the generator reads, of the help of a command and those below
// it: columns stay columns, and <words> are no HTML.
func asPage(cmd *cobra.Command) {
	var b strings.Builder
	columns := false
	for line := range strings.Lines(cmd.Long) {
		if indented := strings.HasPrefix(line, "  "); indented {
			if !columns {
				b.WriteString("\n")
			}
			b.WriteString("  " + line)
			columns = true
			continue
		}
		if columns && strings.TrimSpace(line) != "" {
			b.WriteString("\n")
		}
		columns = false
		b.WriteString(strings.NewReplacer("<", `\<`, "*", `\*`).Replace(line))
	}
	if names := cmd.Annotations["environment"]; names != "" {
		b.WriteString("\n\n# ENVIRONMENT\n")
		for line := range strings.Lines(names) {
			name, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
			b.WriteString("\n**" + name + "**: " + strings.TrimSpace(meaning) + "\n")
		}
	}
	b.WriteString("\n\n# EXIT STATUS\n" + exitStatuses + "\n")
	cmd.Long = b.String()
	cmd.Use = strings.ReplaceAll(cmd.Use, "<", `\<`)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "<", `\<`) })
	for _, below := range cmd.Commands() {
		asPage(below)
	}
}

// archive writes the files of a directory, the same bytes for the same files.
func archive(dir, file string, at time.Time) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write the manual: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zip := gzip.NewWriter(out)
	defer func() { err = errors.Join(err, zip.Close()) }()
	all := tar.NewWriter(zip)
	defer func() { err = errors.Join(err, all.Close()) }()
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return fmt.Errorf("read the manual: %w", err)
	}
	for _, entry := range entries {
		page, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return fmt.Errorf("read the manual: %w", err)
		}
		header := &tar.Header{Name: "man1/" + entry.Name(), Mode: 0o644, Size: int64(len(page)), ModTime: at, Format: tar.FormatUSTAR}
		if err := all.WriteHeader(header); err != nil {
			return fmt.Errorf("write the manual: %w", err)
		}
		if _, err := all.Write(page); err != nil {
			return fmt.Errorf("write the manual: %w", err)
		}
	}
	return nil
}

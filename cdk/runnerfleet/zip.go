package runnerfleet

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// writeZip packs a folder. The same files make the same bytes: they are in the order of
// their names and have no time, and so as old as zips can be.
func writeZip(file, folder string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write zip: %w", err)
	}
	defer func() {
		if closed := out.Close(); err == nil && closed != nil {
			err = fmt.Errorf("write zip: %w", closed)
		}
	}()
	packed := zip.NewWriter(out)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return addFile(packed, folder, path, entry)
	})
	if err == nil {
		err = packed.Close()
	}
	if err != nil {
		return fmt.Errorf("write zip %s of %s: %w", file, folder, err)
	}
	return nil
}

func addFile(packed *zip.Writer, folder, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	name, err := filepath.Rel(folder, path)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: filepath.ToSlash(name), Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(info.Mode())
	to, err := packed.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = to.Write(content)
	return err
}

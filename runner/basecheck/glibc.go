package basecheck

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// oldestGlibc is what the Node.js in GitHub's runner needs, by which most actions run
// (https://github.com/nodejs/node/blob/main/BUILDING.md): 2.28.
const oldestGlibc = 28

// libraries are where distributions have the C library.
func libraries() []string {
	return []string{"/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib"}
}

// tooOld says that the C library of a root file system is too old, "" if it is new
// enough, or not in a usual place.
func tooOld(root fs.FS) string {
	for _, dir := range libraries() {
		minor, err := glibc(root, dir+"/libc.so.6")
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil || minor == 0 || minor >= oldestGlibc:
			return ""
		}
		return fmt.Sprintf("the base image has glibc 2.%d, and the Node.js of GitHub's runner, by which most actions run, needs 2.%d: use a newer one, such as Amazon Linux 2023, Debian 10, RHEL 8 or Ubuntu 20.04, or any later one", minor, oldestGlibc)
	}
	return ""
}

// versions are the names of the versions of a C library's symbols: the newest is its
// own.
var versions = regexp.MustCompile(`GLIBC_2\.([0-9]{1,3})\x00`)

// glibc is N of the C library's version 2.N, 0 if it does not say.
func glibc(root fs.FS, name string) (minor int, err error) {
	at, err := resolve(root, name)
	if err != nil {
		return 0, err
	}
	file, err := root.Open(strings.TrimPrefix(at, "/"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	reader, ok := file.(io.ReaderAt)
	if !ok {
		return 0, fmt.Errorf("%s cannot be read in parts", at)
	}
	library, err := elf.NewFile(reader)
	if err != nil {
		return 0, fmt.Errorf("%s is no library: %w", at, err)
	}
	names := library.Section(".dynstr")
	if names == nil {
		return 0, nil
	}
	text, err := names.Data()
	if err != nil {
		return 0, err
	}
	for _, match := range versions.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(match[1]))
		if err != nil {
			return 0, err
		}
		minor = max(minor, n)
	}
	return minor, nil
}

// Package basecheck looks at the root file system of a base image and reports whether
// GitHub's runner can run in it.
//
// The check is a step of the image build. It is a program in Go, which needs no library
// and no shell: it has to report base images that lack them.
package basecheck

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Mark begins the one line in which our checks print what is wrong. The fleet shows
// that line as the reason why a build failed.
const Mark = "ecsrunner: "

// managers are the package managers with which install.sh gets what the runner needs.
var managers = []string{"apt-get", "dnf", "microdnf", "yum", "zypper"}

// architectures are the names that the fleet has for ELF's machines.
var architectures = map[elf.Machine]string{elf.EM_X86_64: "x64", elf.EM_AARCH64: "arm64", elf.EM_386: "x86", elf.EM_ARM: "arm", elf.EM_PPC64: "ppc64", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64"}

// Check says in one sentence why images for an architecture (x64 or arm64) cannot be
// made from a root file system, and what to do; nil if they can. uid is the user that
// the build runs as.
func Check(root fs.FS, arch string, uid int) error {
	if uid != 0 {
		return fmt.Errorf("the build is not root in the base image (user %d): allow its engine to be", uid)
	}
	shell, machine, interpreter, err := program(root, "/bin/sh")
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the base image has no shell (/bin/sh), which the steps of jobs need: use a variant of it that has one, such as its debug or slim image")
	}
	if err != nil {
		return fmt.Errorf("the shell of the base image (%s) cannot be read: %w: use another base image", shell, err)
	}
	if got := architectures[machine]; got != arch {
		if got == "" {
			got = machine.String()
		}
		return fmt.Errorf("the base image is for %s, and the class of the job is %s: name an image for %s, or a class with arch: %s", got, arch, arch, got)
	}
	// A static shell does not show which C library the system has; a glibc system may
	// have musl's loader as well.
	if strings.HasPrefix(path.Base(interpreter), muslLoader) || interpreter == "" && anyOf(root, "/lib", muslLoader) {
		return errors.New("the base image is built on musl, as Alpine is, and GitHub's runner needs glibc: use a Debian, Ubuntu, Fedora, Amazon Linux or openSUSE image")
	}
	if why := tooOld(root); why != "" {
		return errors.New(why)
	}
	for _, name := range managers {
		for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
			if isThere(root, dir+"/"+name) {
				return nil
			}
		}
	}
	return fmt.Errorf("the base image has none of %s, by which the runner's dependencies are installed: use a Debian, Ubuntu, Fedora, RHEL, Amazon Linux or openSUSE image", strings.Join(managers, ", "))
}

// muslLoader begins the name of musl's dynamic loader, in /lib.
const muslLoader = "ld-musl-"

// program finds a program and reads what it is.
func program(root fs.FS, name string) (at string, machine elf.Machine, interpreter string, err error) {
	at, err = resolve(root, name)
	if err != nil {
		return at, 0, "", err
	}
	file, err := root.Open(strings.TrimPrefix(at, "/"))
	if err != nil {
		return at, 0, "", err
	}
	defer file.Close()
	reader, ok := file.(io.ReaderAt)
	if !ok {
		return at, 0, "", fmt.Errorf("%s cannot be read in parts", at)
	}
	image, err := elf.NewFile(reader)
	if err != nil {
		return at, 0, "", fmt.Errorf("it is no program: %w", err)
	}
	for _, segment := range image.Progs {
		if segment.Type == elf.PT_INTERP {
			text, err := io.ReadAll(io.LimitReader(segment.Open(), 4096))
			if err != nil {
				return at, 0, "", err
			}
			interpreter = strings.TrimRight(string(text), "\x00")
		}
	}
	return at, image.Machine, interpreter, nil
}

// mostLinks is how many symbolic links a name may go through.
const mostLinks = 40

// resolve follows symbolic links inside the root file system.
func resolve(root fs.FS, name string) (string, error) {
	links, done := 0, "/"
	rest := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	for len(rest) > 0 {
		next := path.Join(done, rest[0])
		rest = rest[1:]
		target, err := fs.ReadLink(root, strings.TrimPrefix(next, "/"))
		if err != nil {
			if _, statErr := fs.Lstat(root, strings.TrimPrefix(next, "/")); statErr != nil {
				return next, statErr
			}
			done = next
			continue
		}
		if links++; links > mostLinks {
			return next, fmt.Errorf("%s leads in a circle", name)
		}
		if !strings.HasPrefix(target, "/") {
			target = path.Join(done, target)
		}
		done = "/"
		rest = slices.Concat(strings.Split(strings.Trim(path.Clean(target), "/"), "/"), rest)
	}
	return done, nil
}

func isThere(root fs.FS, name string) bool {
	_, err := resolve(root, name)
	return err == nil
}

// anyOf reports whether a directory has an entry that begins with the text.
func anyOf(root fs.FS, dir, begins string) bool {
	at, err := resolve(root, dir)
	if err != nil {
		return false
	}
	entries, err := fs.ReadDir(root, strings.TrimPrefix(at, "/"))
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), begins) })
}

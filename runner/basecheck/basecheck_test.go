package basecheck_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/basecheck"
)

// program is the smallest file that names its machine and its loader.
func program(machine elf.Machine, interpreter string) string {
	const headerSize, segmentSize = 64, 56
	var b bytes.Buffer
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Ehsize: headerSize, Phentsize: segmentSize, Phoff: headerSize,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	if interpreter != "" {
		header.Phnum = 1
		interpreter += "\x00"
	}
	_ = binary.Write(&b, binary.LittleEndian, header)
	if interpreter != "" {
		_ = binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_INTERP), Off: headerSize + segmentSize, Filesz: uint64(len(interpreter))})
	}
	b.WriteString(interpreter)
	return b.String()
}

// library is the smallest C library that has symbols of versions.
func library(versions ...string) string {
	const headerSize, sectionSize = 64, 64
	names := "\x00.dynstr\x00"
	text := "\x00fopen\x00" + strings.Join(versions, "\x00") + "\x00GLIBC_PRIVATE\x00"
	header := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Ehsize: headerSize, Shentsize: sectionSize, Shnum: 3, Shstrndx: 2, Shoff: headerSize,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	at := uint64(headerSize + 3*sectionSize)
	var b bytes.Buffer
	for _, part := range []any{
		header, elf.Section64{},
		elf.Section64{Name: 1, Type: uint32(elf.SHT_STRTAB), Off: at, Size: uint64(len(text))},
		elf.Section64{Name: 0, Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(text)), Size: uint64(len(names))},
	} {
		_ = binary.Write(&b, binary.LittleEndian, part)
	}
	b.WriteString(text + names)
	return b.String()
}

const glibc, musl = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"

// tree makes a root file system: content that begins with -> is a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		at := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if target, isLink := strings.CutPrefix(content, "->"); err == nil && isLink {
			err = os.Symlink(target, at)
		} else if err == nil {
			err = os.WriteFile(at, []byte(content), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCheck(t *testing.T) {
	sh := program(elf.EM_X86_64, glibc)
	for name, c := range map[string]struct {
		files map[string]string
		arch  string
		uid   int
		says  string // "" if nothing is wrong
	}{
		"Debian: merged /usr, a shell by another name": {map[string]string{"bin": "->usr/bin", "usr/bin/sh": "->dash", "usr/bin/dash": sh, "usr/bin/apt-get": ""}, "x64", 0, ""},
		"Fedora: an absolute link":                     {map[string]string{"bin": "->usr/bin", "usr/bin/sh": "->/usr/bin/bash", "usr/bin/bash": sh, "usr/bin/dnf": ""}, "x64", 0, ""},
		"a small Fedora":                               {map[string]string{"bin/sh": sh, "usr/bin/microdnf": ""}, "x64", 0, ""},
		"openSUSE":                                     {map[string]string{"bin/sh": sh, "usr/bin/zypper": ""}, "x64", 0, ""},
		"on arm64":                                     {map[string]string{"bin/sh": program(elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1"), "usr/bin/apt-get": ""}, "arm64", 0, ""},
		"glibc, with musl's loader beside it":          {map[string]string{"bin/sh": sh, "lib/ld-musl-x86_64.so.1": "", "usr/bin/apt-get": ""}, "x64", 0, ""},
		"Alpine":                                       {map[string]string{"bin/sh": "->/bin/busybox", "bin/busybox": program(elf.EM_X86_64, musl), "lib/ld-musl-x86_64.so.1": ""}, "x64", 0, "is built on musl"},
		"a static shell beside musl":                   {map[string]string{"bin/sh": program(elf.EM_X86_64, ""), "lib/ld-musl-x86_64.so.1": ""}, "x64", 0, "is built on musl"},
		"another architecture":                         {map[string]string{"bin/sh": program(elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1"), "usr/bin/apt-get": ""}, "x64", 0, "is for arm64, and the class of the job is x64: name an image for x64, or a class with arch: arm64"},
		"musl of another architecture":                 {map[string]string{"bin/sh": program(elf.EM_AARCH64, "/lib/ld-musl-aarch64.so.1")}, "x64", 0, "is for arm64"},
		"an architecture without a name":               {map[string]string{"bin/sh": program(elf.EM_SPARCV9, glibc)}, "x64", 0, "is for EM_SPARCV9"},
		"nothing at all":                               {nil, "x64", 0, "has no shell"},
		"a link to nothing":                            {map[string]string{"bin/sh": "->dash"}, "x64", 0, "has no shell"},
		"a link to itself":                             {map[string]string{"bin/sh": "->sh"}, "x64", 0, "leads in a circle"},
		"a shell that is a text":                       {map[string]string{"bin/sh": "#!/usr/bin/tool\n"}, "x64", 0, "it is no program"},
		"an unknown distribution":                      {map[string]string{"bin/sh": sh, "usr/bin/pacman": ""}, "x64", 0, "has none of apt-get, dnf, microdnf, yum, zypper"},
		"Debian 12's C library":                        {map[string]string{"bin/sh": sh, "usr/bin/apt-get": "", "lib/x86_64-linux-gnu/libc.so.6": library("GLIBC_2.2.5", "GLIBC_2.36", "GLIBC_2.4")}, "x64", 0, ""},
		"just new enough":                              {map[string]string{"bin/sh": sh, "usr/bin/dnf": "", "lib64/libc.so.6": "->libc-2.28.so", "lib64/libc-2.28.so": library("GLIBC_2.28")}, "x64", 0, ""},
		"Amazon Linux 2":                               {map[string]string{"bin/sh": sh, "usr/bin/yum": "", "lib64": "->usr/lib64", "usr/lib64/libc.so.6": "->libc-2.26.so", "usr/lib64/libc-2.26.so": library("GLIBC_2.2.5", "GLIBC_2.26", "GLIBC_2.9")}, "x64", 0, "has glibc 2.26, and the Node.js of GitHub's runner"},
		"CentOS 7":                                     {map[string]string{"bin/sh": sh, "usr/bin/yum": "", "usr/lib64/libc.so.6": library("GLIBC_2.17")}, "x64", 0, "has glibc 2.17"},
		"Ubuntu 18.04":                                 {map[string]string{"bin/sh": sh, "usr/bin/apt-get": "", "lib/x86_64-linux-gnu/libc.so.6": library("GLIBC_2.27")}, "x64", 0, "has glibc 2.27"},
		"a C library without words":                    {map[string]string{"bin/sh": sh, "usr/bin/apt-get": "", "lib/x86_64-linux-gnu/libc.so.6": library()}, "x64", 0, ""},
		"one that is a linker script":                  {map[string]string{"bin/sh": sh, "usr/bin/apt-get": "", "lib64/libc.so.6": "GROUP ( x )"}, "x64", 0, ""},
		"a build that is not root":                     {map[string]string{"bin/sh": sh, "usr/bin/apt-get": ""}, "x64", 1000, "is not root"},
	} {
		t.Run(name, func(t *testing.T) {
			err := basecheck.Check(os.DirFS(tree(t, c.files)), c.arch, c.uid)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want …%s…", err, c.says)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 290) {
				t.Errorf("that is no sentence: %v", err)
			}
		})
	}
}

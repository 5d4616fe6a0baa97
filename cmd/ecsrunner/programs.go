package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// module is this program's own.
const module = "github.com/ecs-runner-fleet/ecs-runner-fleet"

// Programs that images contain. This program can be either, depending on the name by
// which it is called.
const (
	entrypointName      = "ecsrunner-entrypoint"
	simulatedRunnerName = "simulated-runner"
)

var sources = map[string]string{
	entrypointName:      module + "/runner/cmd/entrypoint",
	simulatedRunnerName: module + "/internal/sim/standin/cmd/simulated-runner",
}

// calledAs is the command that this program runs because of the name by which it was
// called, "" if it runs as itself.
func calledAs(name string) string {
	switch filepath.Base(name) {
	case entrypointName:
		return "entrypoint"
	case simulatedRunnerName:
		return "simulated-runner"
	}
	return ""
}

// staticProgram finds a program for containers of this machine. They may have any base
// image, so it must be static. A release is static itself. A program that Go has just
// built from source usually is not: then Go builds a static one into dir.
func staticProgram(ctx context.Context, dir, name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if isStatic(self) {
		return self, nil
	}
	goCommand, err := exec.LookPath("go")
	if err != nil {
		return "", errors.New("containers need a static ecsrunner: use one that `make build` made, or have Go in PATH")
	}
	list := exec.CommandContext(ctx, goCommand, "list", "-m", "-f", "{{.Dir}}", module)
	source, err := list.Output()
	if err != nil || strings.TrimSpace(string(source)) == "" {
		return "", fmt.Errorf("containers need a static ecsrunner, and its source is not here to build %s from: use one that `make build` made, or start it in the folder of its source", name)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for programs: %w", err)
	}
	path := filepath.Join(dir, name)
	build := exec.CommandContext(ctx, goCommand, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", path, sources[name])
	build.Dir = strings.TrimSpace(string(source))
	build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// isStatic reports whether a program runs on a Linux of this machine's kind without any
// library.
func isStatic(path string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	machine := map[fleet.Arch]elf.Machine{fleet.X64: elf.EM_X86_64, fleet.ARM64: elf.EM_AARCH64}[hostArch()]
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return false
		}
	}
	return file.Machine == machine
}

func copyTo(w io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}

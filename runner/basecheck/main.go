package basecheck

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

// Command is the argument that makes the entrypoint this check.
const Command = "check-base"

// Main checks the image that it runs in, for the architecture that it is built for, and
// returns the exit status.
func Main(stderr io.Writer) int {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	if err := Check(os.DirFS("/"), arch, os.Getuid()); err != nil {
		fmt.Fprintln(stderr, Mark+err.Error())
		return 1
	}
	return 0
}

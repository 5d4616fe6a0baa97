// Command cmd serves the images that tests with containers pull, from a folder of root
// file systems, and writes its address to a file when it listens.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container/registrytest"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: %s FOLDER ADDRESS-FILE", filepath.Base(os.Args[0]))
	}
	folder, addressFile := os.Args[1], os.Args[2]
	tree := func(name string) string { return filepath.Join(folder, name+".tar") }
	registry, err := registrytest.New(
		registrytest.Image{Name: "bases/bookworm", Tag: "1", Layer: tree("bookworm")},
		registrytest.Image{Name: "library/golang", Tag: "1.26", Layer: tree("bookworm")},
		registrytest.Image{Name: "bases/trixie", Tag: "1", Layer: tree("trixie")},
		registrytest.Image{Name: "library/node", Tag: "22-bookworm", Layer: tree("trixie")},
		registrytest.Image{Name: "bases/musl", Tag: "1", Layer: tree("musl")},
		registrytest.Image{Name: "bases/noshell", Tag: "1", Layer: tree("noshell")},
		registrytest.Image{Name: "bases/arm64", Tag: "1", Layer: tree("arm64"), Arch: "arm64"},
		registrytest.Image{Name: "bases/onbuild", Tag: "1", Layer: tree("musl"), OnBuild: []string{"RUN echo an instruction of the base ran"}},
	)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(addressFile, []byte(listener.Addr().String()), 0o644); err != nil {
		return err
	}
	return http.Serve(listener, registry)
}

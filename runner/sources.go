package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Folder is a Dockerfile of extra_runner_images, with the folder that is its context.
type Folder struct{ Dir, Dockerfile string }

// Inputs are everything that images are made from, except the base images that jobs
// name.
type Inputs struct {
	BaseImage  string // what the base image is made from
	Sudo       bool
	Format     string // how images are published, "" if they are not
	Archs      []fleet.Arch
	Entrypoint map[fleet.Arch]string // hashes of the entrypoint's programs
	Extra      map[string]Folder     // by label
}

// SourcesFile is where a build finds the Sources of the files that it has, as JSON.
const SourcesFile = "sources.json"

// sourceDigits is enough to distinguish the sources of one fleet's images; a Lambda
// function's environment has no room for more.
const sourceDigits = 16

// Sources are the Source of every kind of image, by fleet.SourceOf: the same inputs
// have the same Source everywhere, and everything that ends up in an image changes it.
// It depends on a folder's names and contents, on which files may be executed, and on
// where links lead; it does not depend on times, owners, the folder's place, or files
// that its .dockerignore leaves out.
func Sources(in Inputs) (map[string]string, error) {
	sources := map[string]string{}
	for _, arch := range in.Archs {
		common := digest("dockerfile", dockerfile, "install", install, "sudo", fmt.Sprint(in.Sudo), "format", in.Format, "arch", string(arch), "entrypoint", in.Entrypoint[arch])
		sources[fleet.SourceOf(fleet.OnDemandImage, "", arch)] = common
		base := digest("common", common, "base", in.BaseImage)
		sources[fleet.SourceOf(fleet.BaseImage, "", arch)] = base
		for _, label := range slices.Sorted(maps.Keys(in.Extra)) {
			folder, err := hashFolder(in.Extra[label])
			if err != nil {
				return nil, fmt.Errorf("extra_runner_images.%s: %w", label, err)
			}
			sources[fleet.SourceOf(fleet.ExtraImage, label, arch)] = digest("base", base, "again", again, "dockerfile", in.Extra[label].Dockerfile, "folder", folder)
		}
	}
	return sources, nil
}

func digest(parts ...string) string {
	h := sha256.New()
	write(h, parts...)
	return hex.EncodeToString(h.Sum(nil))[:sourceDigits]
}

// write hashes texts, each with its length, so that no two lists of texts look alike.
func write(h hash.Hash, parts ...string) {
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
}

// hashFolder hashes a context, in the order of its names.
func hashFolder(f Folder) (string, error) {
	if info, err := os.Stat(filepath.Join(f.Dir, f.Dockerfile)); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("there is no Dockerfile %s", filepath.Join(f.Dir, f.Dockerfile))
	}
	h := sha256.New()
	err := f.Walk(func(name string, info fs.FileInfo) error {
		path := filepath.Join(f.Dir, filepath.FromSlash(name))
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			write(h, "link", name, target)
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a link, and cannot be built from", path)
		}
		content, err := os.ReadFile(path)
		write(h, "file", name, fmt.Sprint(info.Mode()&0o111 != 0), string(content))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read its folder: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

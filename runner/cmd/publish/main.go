// Command publish pushes an image that an engine has saved to a registry, and prints the
// digest that its tags name and how many bytes are pulled of it.
//
//	publish -image image.tar -to REGISTRY/REPOSITORY -tag TAG [-tag TAG] [-compression zstd | -soci]
//
// It uses the logins of docker login. Its layers are listed on standard error.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/publish"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/saved"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	file := flag.String("image", "", "the saved image")
	to := flag.String("to", "", "the repository")
	var tags []string
	flag.Func("tag", "a tag", func(tag string) error {
		tags = append(tags, tag)
		return nil
	})
	compression := flag.String("compression", string(publish.Gzip), "gzip or zstd")
	index := flag.Bool("soci", false, "with a SOCI index")
	flag.Parse()
	if *file == "" || *to == "" || len(tags) == 0 || flag.NArg() > 0 {
		return fmt.Errorf("-image, -to and -tag are needed, and nothing else")
	}
	image, err := saved.Open(*file)
	if err != nil {
		return err
	}
	defer image.Close()
	dir, err := os.MkdirTemp("", "publish-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	made, err := publish.Make(image, publish.Format{Compression: publish.Compression(*compression), SOCI: *index}, dir)
	if err != nil {
		return err
	}
	made.List(os.Stderr)
	if *index && !made.SOCI() {
		fmt.Fprintln(os.Stderr, "no layer is large enough for a SOCI index: the image goes without")
	}
	repository, err := publish.Open(*to)
	if err != nil {
		return err
	}
	digest, err := repository.Push(ctx, made, tags...)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s %d\n", digest, made.Size())
	return err
}

package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// BuildRequest is one image to build.
type BuildRequest struct {
	Context    io.Reader         // a tar archive
	Dockerfile string            // its name in there
	Args       map[string]string // build arguments; an empty one is left to the Dockerfile
	Tag        string
	Labels     map[string]string
	Arch       fleet.Arch
	Network    string    // of the build's steps, "" for the engine's own
	Output     io.Writer // gets the build's output
}

// BuildError says how a build failed.
type BuildError struct {
	Step string   // the last one that began
	Last []string // the last lines of output
	Says string   // the engine's own error
}

// reasonMark begins the line in which our own checks in a Dockerfile say what is wrong.
const reasonMark = "ecsrunner: "

// mostReason is how many characters a reason has, which people read.
const mostReason = 300

func (e *BuildError) Error() string {
	for i := len(e.Last) - 1; i >= 0; i-- {
		if reason, ok := strings.CutPrefix(e.Last[i], reasonMark); ok {
			return fleet.Clip(reason, mostReason)
		}
	}
	if e.Step == "" {
		return fleet.Clip(e.Says, mostReason)
	}
	return fleet.Clip(fmt.Sprintf("%s in step %q: %s", e.Says, e.Step, strings.Join(e.Last[max(0, len(e.Last)-3):], " / ")), mostReason)
}

// Build builds an image and returns its id. It fails with a BuildError if the image
// cannot be built.
func (e *Engine) Build(ctx context.Context, request BuildRequest) (imageID string, err error) {
	args := map[string]*string{}
	for name, value := range request.Args {
		if value != "" {
			args[name] = &value
		}
	}
	options := client.ImageBuildOptions{
		Tags: []string{request.Tag}, Dockerfile: request.Dockerfile, BuildArgs: args, Labels: request.Labels, NetworkMode: request.Network,
		Remove: true, ForceRemove: true, Version: build.BuilderV1,
	}
	if request.Arch == fleet.ARM64 {
		options.Platforms = []ocispec.Platform{{OS: "linux", Architecture: "arm64"}}
	}
	resp, err := e.client.ImageBuild(ctx, request.Context, options)
	if err != nil {
		return "", fmt.Errorf("build with %s: %w", e.name, e.answer(err))
	}
	defer resp.Body.Close()
	var said transcript
	if err := said.read(resp.Body, request.Output); err != nil {
		return "", errors.Join(ctx.Err(), err)
	}
	got, err := e.client.ImageInspect(ctx, request.Tag)
	if err != nil {
		return "", fmt.Errorf("look at the image that was built: %w", e.answer(err))
	}
	return got.ID, nil
}

// transcript reads a build's output.
type transcript struct {
	step string
	last []string
}

// kept is how many of the last lines are kept for a failure.
const kept = 20

func (t *transcript) read(body io.Reader, output io.Writer) error {
	var partial bytes.Buffer
	for messages := json.NewDecoder(body); ; {
		var m struct {
			Stream string `json:"stream"`
			Status string `json:"status"`
			Error  string `json:"error"`
		}
		switch err := messages.Decode(&m); {
		case err == io.EOF:
			t.line(partial.String())
			return nil
		case err != nil:
			return fmt.Errorf("read what the build says: %w: %w", errNoAnswer, err)
		case m.Error != "":
			t.line(partial.String())
			return &BuildError{Step: t.step, Last: t.last, Says: strings.TrimSpace(m.Error)}
		}
		text := m.Stream
		if m.Status != "" {
			text = m.Status + "\n"
		}
		if _, err := io.WriteString(output, text); err != nil {
			return fmt.Errorf("write the build's log: %w", err)
		}
		partial.WriteString(text)
		for {
			line, err := partial.ReadString('\n')
			if err != nil {
				partial.WriteString(line)
				break
			}
			t.line(line)
		}
	}
}

func (t *transcript) line(text string) {
	text = strings.TrimSpace(strings.Map(printable, text))
	switch {
	case text == "":
		return
	case strings.Contains(text, "STEP ") || strings.HasPrefix(text, "Step "):
		_, t.step, _ = strings.Cut(text, ": ")
		if before, after, ok := strings.Cut(text, " : "); ok && strings.HasPrefix(before, "Step ") {
			t.step = after
		}
		return
	}
	t.last = append(t.last, text)
	if len(t.last) > kept {
		t.last = t.last[1:]
	}
}

func printable(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}

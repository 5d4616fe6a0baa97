package publish

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/saved"
)

// config is an image's configuration, of which all that is not known here stays.
type config struct {
	ocispec.Platform
	document map[string]json.RawMessage
	diffIDs  []digest.Digest
}

// readConfig reads the configuration, and what its history says of each layer.
func readConfig(image *saved.Image) (c config, history []string, err error) {
	var known ocispec.Image
	if err := json.Unmarshal(image.Config, &known); err != nil {
		return c, nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	if err := json.Unmarshal(image.Config, &c.document); err != nil {
		return c, nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	c.Platform, c.diffIDs = known.Platform, known.RootFS.DiffIDs
	if len(c.diffIDs) != len(image.Layers) || len(c.diffIDs) == 0 {
		return c, nil, fmt.Errorf("the saved image has %d layers, and its configuration names %d", len(image.Layers), len(c.diffIDs))
	}
	for _, step := range known.History {
		if !step.EmptyLayer {
			history = append(history, step.CreatedBy)
		}
	}
	if len(history) != len(image.Layers) { // an image may have none
		history = make([]string, len(image.Layers))
	}
	return c, history, nil
}

// with is the configuration with the layers as they are published. A layer that was not
// rewritten has to be the one that it named.
func (c config) with(layers []Layer, rewritten []bool) ([]byte, error) {
	root := ocispec.RootFS{Type: "layers"}
	for i, layer := range layers {
		if !rewritten[i] && layer.diffID != c.diffIDs[i] {
			return nil, fmt.Errorf("layer %d of the saved image is %s, and its configuration names %s: build again", i+1, layer.diffID, c.diffIDs[i])
		}
		root.DiffIDs = append(root.DiffIDs, layer.diffID)
	}
	encoded, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	c.document["rootfs"] = encoded
	return json.Marshal(c.document)
}

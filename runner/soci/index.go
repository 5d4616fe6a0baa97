package soci

import (
	"encoding/json"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Names of version 2 of a SOCI index, in which an image index binds it to its image
// (https://github.com/awslabs/soci-snapshotter/blob/main/docs/soci-index-manifest-v2.md).
const (
	IndexType     = "application/vnd.amazon.soci.index.v2+json"
	tableType     = "application/octet-stream"
	IndexOfImage  = "com.amazon.soci.index-digest"          // on an image's manifest
	ImageOfIndex  = "com.amazon.soci.image-manifest-digest" // on the descriptor of a SOCI index
	layerDigest   = "com.amazon.soci.image-layer-digest"
	layerType     = "com.amazon.soci.image-layer-mediaType"
	spanSize      = "com.amazon.soci.span-size"
	builtBy       = "com.amazon.soci.build-tool-identifier"
	buildTool     = "ecsrunner"
	emptyDocument = "{}"
)

// LeastLayer is how large a layer is that gets a table, as soci has it by default: smaller
// ones are pulled at once.
const LeastLayer = 10 << 20

// Blob is content with its description.
type Blob struct {
	ocispec.Descriptor
	Content []byte
}

// BlobOf describes content.
func BlobOf(mediaType string, content []byte) Blob {
	return Blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}, content}
}

// TableOf is the table of a layer, as a SOCI index has it.
func TableOf(layer ocispec.Descriptor, table Ztoc) Blob {
	blob := BlobOf(tableType, table.Encode(buildTool))
	blob.Annotations = map[string]string{layerDigest: layer.Digest.String(), layerType: layer.MediaType, spanSize: strconv.Itoa(SpanSize)}
	return blob
}

// Index is the SOCI index of the tables, as a manifest of OCI, and the empty configuration
// that such a manifest has.
func Index(tables []Blob) (index, config Blob, err error) {
	config = BlobOf(IndexType, []byte(emptyDocument))
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config.Descriptor, Annotations: map[string]string{builtBy: buildTool},
	}
	for _, table := range tables {
		manifest.Layers = append(manifest.Layers, table.Descriptor)
	}
	content, err := json.Marshal(manifest)
	index = BlobOf(ocispec.MediaTypeImageManifest, content)
	index.ArtifactType = IndexType
	return index, config, err
}

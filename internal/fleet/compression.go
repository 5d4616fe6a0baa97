package fleet

// Compression is how the layers of images are compressed, by the name that OCI gives it.
type Compression string

const (
	CompressionGzip Compression = "gzip" // the default
	CompressionZstd Compression = "zstd"
)

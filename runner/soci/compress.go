package soci

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Compressor writes a layer as gzip, in spans that can be read by themselves. The same
// archive always makes the same stream.
type Compressor struct {
	out    *stream
	zip    *gzip.Writer
	window []byte
	total  int64 // of the archive, so far
	spans  []Span
}

// stream counts and hashes what is written.
type stream struct {
	io.Writer
	n    int64
	hash hash.Hash // of the span that is being written
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	s.n += int64(n)
	if s.hash != nil {
		s.hash.Write(p[:n])
	}
	return n, err
}

// NewCompressor writes to w.
func NewCompressor(w io.Writer) (*Compressor, error) {
	c := &Compressor{out: &stream{Writer: w}}
	c.zip = gzip.NewWriter(c.out)
	_, err := c.zip.Write(nil) // the header, which is before the first span
	return c, err
}

// Write compresses a part of the archive.
func (c *Compressor) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		if c.total%SpanSize == 0 {
			if err := c.begin(); err != nil {
				return written, err
			}
		}
		part := p[:min(int64(len(p)), SpanSize-c.total%SpanSize)]
		n, err := c.zip.Write(part)
		written, c.total = written+n, c.total+int64(n)
		if err != nil {
			return written, err
		}
		c.keep(part)
		p = p[n:]
	}
	return written, nil
}

// begin ends a span and begins the next.
func (c *Compressor) begin() error {
	if c.total > 0 {
		if err := c.zip.Flush(); err != nil {
			return err
		}
		c.end()
	}
	c.spans = append(c.spans, Span{In: c.out.n, Out: c.total, Window: append([]byte(nil), c.window...)})
	c.out.hash = sha256.New()
	return nil
}

func (c *Compressor) end() {
	if c.out.hash != nil {
		c.spans[len(c.spans)-1].Digest = fmt.Sprintf("sha256:%x", c.out.hash.Sum(nil))
	}
}

// keep keeps the last bytes of the archive.
func (c *Compressor) keep(part []byte) {
	c.window = append(c.window, part[max(0, len(part)-windowSize):]...)
	c.window = c.window[max(0, len(c.window)-windowSize):]
}

// Close ends the stream.
func (c *Compressor) Close() error {
	err := c.zip.Close()
	c.end()
	return err
}

// Table is the table of the layer that was compressed. It reads its archive once more.
func (c *Compressor) Table(archive io.Reader) (Ztoc, error) {
	z := Ztoc{Spans: c.spans, Compressed: c.out.n}
	if len(c.spans) == 0 {
		return z, fmt.Errorf("the layer is empty")
	}
	return z, z.list(archive)
}

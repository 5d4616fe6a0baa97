package entrypoint

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPiece bounds one line of the log, with everything in it. Engines split a line
	// after 16 KiB, and the job would choose how the second part begins.
	maxPiece = 8 << 10

	lineBegins = "| "
	lineGoesOn = "+ "

	// perPiece is what CloudWatch Logs counts for each event beside its text
	// (PutLogEvents).
	perPiece = 26
)

// output writes the output of the runner and its job to the log: line by line, each
// with a prefix, so that none of it begins as JSON, which CloudWatch would take for
// metrics, or as a line of the entrypoint's own. It cuts long lines into pieces, and
// writes characters that do not print as escapes. At its limit it says so once, then
// accepts everything and writes nothing.
type output struct {
	out   io.Writer
	limit int64
	left  int64
	full  bool

	piece   []byte // what is read of a line, with its prefix; empty between lines
	partial []byte // the first bytes of a character
	afterCR bool
	ready   []byte // whole pieces
}

func newOutput(out io.Writer, limit int64) *output {
	return &output{out: out, limit: limit, left: limit}
}

// Write never fails: the job goes on, whatever becomes of its log.
func (o *output) Write(p []byte) (int, error) {
	text := append(o.partial, p...)
	for len(text) > 0 && utf8.FullRune(text) && !o.full {
		r, size := utf8.DecodeRune(text)
		o.take(r, text[:size])
		text = text[size:]
	}
	o.partial = append(o.partial[:0], text[:min(len(text), utf8.UTFMax)]...)
	o.flush()
	return len(p), nil
}

// End writes a last line that has no end.
func (o *output) End() {
	for _, b := range o.partial {
		o.take(utf8.RuneError, []byte{b})
	}
	if len(o.piece) > 0 {
		o.endPiece()
	}
	o.partial = nil
	o.flush()
}

// take adds one character. A carriage return ends a line, with or without a line feed:
// what follows it would be written over the prefix on a terminal.
func (o *output) take(r rune, encoded []byte) {
	switch {
	case r == '\n' && o.afterCR:
	case r == '\n' || r == '\r':
		o.begin()
		o.endPiece()
	case r == utf8.RuneError && len(encoded) == 1:
		o.add(fmt.Sprintf(`\x%02x`, encoded[0]))
	case r == '\t' || unicode.IsGraphic(r):
		o.add(string(r))
	case r <= 0xff:
		o.add(fmt.Sprintf(`\x%02x`, r))
	default:
		o.add(fmt.Sprintf(`\u%04x`, r))
	}
	o.afterCR = r == '\r'
}

func (o *output) begin() {
	if len(o.piece) == 0 {
		o.piece = append(o.piece, lineBegins...)
	}
}

func (o *output) add(text string) {
	o.begin()
	if len(o.piece)+len(text)+len("\n") > maxPiece {
		o.endPiece()
		o.piece = append(o.piece, lineGoesOn...)
	}
	o.piece = append(o.piece, text...)
}

func (o *output) endPiece() {
	o.piece = append(o.piece, '\n')
	if cost := int64(len(o.piece) + perPiece); !o.full && cost <= o.left {
		o.left -= cost
		o.ready = append(o.ready, o.piece...)
	} else if !o.full {
		o.full = true
		var b strings.Builder
		say(&b, "the log has reached its limit of %d MiB (runner_log_mib): no more of the runner's output is written here; the job goes on", o.limit>>20)
		o.ready = append(o.ready, b.String()...)
	}
	o.piece = o.piece[:0]
}

func (o *output) flush() {
	if len(o.ready) > 0 {
		_, _ = o.out.Write(o.ready)
		o.ready = o.ready[:0]
	}
}

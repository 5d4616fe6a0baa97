// Package silent never comes to an end if it is changed.
package silent

import (
	"io"
	"net"
	"os"
)

// Answer answers at once.
func Answer() int { return 42 }

// wait lasts until the other side of a connection ends.
func wait() int {
	conn, err := net.Dial("tcp", os.Getenv("TOY_ADDRESS"))
	if err != nil {
		return 0
	}
	_, _ = io.ReadAll(conn)
	return 42
}

//go:build !unix

package local

import "errors"

// freeOf fails: here, free space cannot be read.
func freeOf(string) (uint64, error) { return 0, errors.ErrUnsupported }

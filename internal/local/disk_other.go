//go:build !unix

package local

import "errors"

// freeOf cannot tell.
func freeOf(string) (uint64, error) { return 0, errors.ErrUnsupported }

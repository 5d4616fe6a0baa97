//go:build !unix

package datadir

import (
	"errors"
	"os"
)

// lock fails: no fleet is served here.
func lock(*os.File, bool) error { return errors.ErrUnsupported }

func isGone(int) bool { return false }

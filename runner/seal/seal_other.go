//go:build !linux

package seal

import "errors"

// Process fails with errors.ErrUnsupported: on other systems nothing is known to it.
func Process() error { return errors.ErrUnsupported }

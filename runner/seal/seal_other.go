//go:build !linux

package seal

import "errors"

// Process fails with errors.ErrUnsupported: it has no way to do this on other systems.
func Process() error { return errors.ErrUnsupported }

//go:build !linux

package seal

import "errors"

// Process fails with errors.ErrUnsupported: it knows no way on other systems.
func Process() error { return errors.ErrUnsupported }

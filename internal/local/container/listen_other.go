//go:build !linux

package container

// bindEarly does nothing: elsewhere engines run in a virtual machine, and their networks
// are not on this one.
func bindEarly(int) error { return nil }

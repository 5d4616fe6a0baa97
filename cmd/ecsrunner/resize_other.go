//go:build !unix

package main

import "os"

// onResize signals nothing: the next page has the terminal's size.
func onResize() (resized <-chan os.Signal, stop func()) { return nil, func() {} }

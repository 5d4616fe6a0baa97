//go:build !man

package main

import "github.com/spf13/cobra"

// addMan adds nothing: the library that writes the manual is for `make man` alone.
func addMan(*cobra.Command) {}

//go:build !unix

package main

import "github.com/spf13/cobra"

// newEntrypoint has no use here: containers of runners run Linux.
func newEntrypoint() *cobra.Command {
	return &cobra.Command{Use: "entrypoint", Hidden: true, RunE: func(*cobra.Command, []string) error { return notHere("entrypoint") }}
}

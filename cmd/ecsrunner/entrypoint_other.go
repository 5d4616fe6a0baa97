//go:build !unix

package main

import "github.com/spf13/cobra"

// newEntrypoint is for the containers of runners, which run Linux.
func newEntrypoint() *cobra.Command {
	return &cobra.Command{Use: "entrypoint", Hidden: true, RunE: func(*cobra.Command, []string) error { return notHere("entrypoint") }}
}

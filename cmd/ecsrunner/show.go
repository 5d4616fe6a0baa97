package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

// show reads something of the fleet and prints it, for programs or for people.
func show[T any](cmd *cobra.Command, src *source, read func(context.Context, *opened) (T, error), print func(io.Writer, T) error) error {
	return src.read(cmd.Context(), func(f *opened) error {
		v, err := read(cmd.Context(), f)
		if err != nil {
			return err
		}
		if src.json {
			return printJSON(cmd.OutOrStdout(), v)
		}
		return print(cmd.OutOrStdout(), v)
	})
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"
)

const jqFlag = "jq"

// addJQ gives --jq to every command that has --json.
func addJQ(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		addJQ(sub)
	}
	if cmd.Flags().Lookup("json") == nil || cmd.RunE == nil {
		return
	}
	cmd.Flags().String(jqFlag, "", "print what this jq expression makes of the JSON (implies --json)")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed(jqFlag) {
			return run(cmd, args)
		}
		code, err := compileJQ(cmd.Flags().Lookup(jqFlag).Value.String())
		if err != nil { // before anything is done
			return err
		}
		if err := cmd.Flags().Set("json", "true"); err != nil {
			return err
		}
		cmd.SetOut(queried{cmd.OutOrStdout(), cmd.Context(), code})
		return run(cmd, args)
	}
}

// compileJQ reads an expression, which has no access to the environment or to files.
func compileJQ(expression string) (*gojq.Code, error) {
	query, err := gojq.Parse(expression)
	if err != nil {
		return nil, usagef("--jq %q: %w", expression, err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, usagef("--jq %q: %w", expression, err)
	}
	return code, nil
}

// queried is an output that gets what a query makes of JSON.
type queried struct {
	io.Writer
	ctx  context.Context // of the command
	code *gojq.Code
}

// print writes what the query makes of v: texts as they are, and one value a line.
func (q queried) print(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // ids may have more digits than a float64
	var input any
	if err := decoder.Decode(&input); err != nil {
		return err
	}
	for results := q.code.RunWithContext(q.ctx, input); ; {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			var halt *gojq.HaltError
			if errors.As(err, &halt) && halt.Value() == nil {
				return nil
			}
			return fmt.Errorf("--jq: %w", err)
		}
		if err := writeValue(q.Writer, result); err != nil {
			return err
		}
	}
}

func writeValue(w io.Writer, v any) error {
	if text, ok := v.(string); ok {
		_, err := fmt.Fprintln(w, text)
		return err
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return fmt.Errorf("--jq: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

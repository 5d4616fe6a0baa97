package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/forecast"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// canDraw refuses, before anything is played, a chart that would overwrite what was read or
// that cannot be written. The configuration was read from a file, or from none.
func (f simulateFlags) canDraw(configFile string) error {
	if f.chart == "" {
		return nil
	}
	if f.chart == "-" || sameFile(f.chart, "/dev/stdout") {
		return usagef("--chart %s: standard output has the result; name a file for the chart", f.chart)
	}
	inputs := []struct{ name, file string }{{"the configuration", configFile}}
	if f.workload != standardInput && !slices.Contains(workload.Made, f.workload) {
		inputs = append(inputs, struct{ name, file string }{"--workload", f.workload})
	}
	if f.faults != forecast.NoFaults && f.faults != forecast.Rough {
		inputs = append(inputs, struct{ name, file string }{"--faults", f.faults})
	}
	for _, input := range inputs {
		if sameFile(f.chart, input.file) {
			return usagef("--chart %s would overwrite %s: name another file for the chart", f.chart, input.name)
		}
	}
	if err := writable(f.chart); err != nil {
		return fmt.Errorf("write the chart: %w", err)
	}
	return nil
}

// sameFile reports whether two names are of one file that keeps what is written to it.
func sameFile(a, b string) bool {
	is, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(is, other) && is.Mode()&fs.ModeCharDevice == 0
}

// writable opens a file to write, and changes nothing.
func writable(name string) error {
	is, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		return errors.Join(file.Close(), os.Remove(name))
	case err != nil:
		return err
	case !is.Mode().IsRegular() && !is.IsDir():
		return nil // a pipe may have no reader yet
	}
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

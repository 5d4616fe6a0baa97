// Command ecsrunner runs and looks at a fleet of ephemeral GitHub Actions runners.
// Standard output is data, standard error is talk, and the exit status is 0 for
// success, 1 for failure, 2 for usage or configuration, and 141 if the reader of the
// output is gone.
package main

import "os"

func main() {
	args := os.Args[1:]
	if as := calledAs(os.Args[0]); as != "" {
		args = append([]string{as}, args...)
	}
	os.Exit(run(args, os.Stdout, os.Stderr))
}

// Command ecsrunner runs and looks at a fleet of ephemeral GitHub Actions
// runners. Standard output is data, standard error is talk, and the exit status
// is 0 for success, 1 for failure and 2 for usage or configuration.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

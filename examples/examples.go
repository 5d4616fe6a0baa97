// Package examples holds what the documentation and the demonstration show: a
// complete fleet.yaml and workflows that also run on GitHub.
package examples

import "embed"

// Workflows are the example workflows, at workflows/*.yml.
//
//go:embed workflows/*.yml
var Workflows embed.FS

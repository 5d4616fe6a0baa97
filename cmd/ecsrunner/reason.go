package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// reason is the flag of commands that change a fleet.
type reason struct{ text string }

func (r *reason) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.text, "reason", "", "why, for people who look at it later")
}

// operator is who runs the command, with the reason. The fleet finds out who that is.
func (r *reason) operator(cmd *cobra.Command) (fleet.Operator, error) {
	if cmd.Flags().Changed("reason") && strings.TrimSpace(r.text) == "" {
		return fleet.Operator{}, usagef("--reason is empty: say why, or leave it out")
	}
	if n := len([]rune(r.text)); n > fleet.MostReason {
		return fleet.Operator{}, usagef("--reason has %d characters: use %d at most", n, fleet.MostReason)
	}
	return fleet.Operator{Reason: r.text}, nil
}

package config

import (
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// suggest finds the candidate that was probably meant by name, or "".
func suggest(name string, candidates []string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, least := "", len(name)/3+1
	for _, c := range candidates {
		if d := fleet.EditDistance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

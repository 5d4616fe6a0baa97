package github

import (
	"errors"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// APIBase returns the address of the REST API that belongs to the address people open in
// a browser; see fleet.GitHubAPI.
func APIBase(githubURL string) (string, error) {
	base, reason := fleet.GitHubAPI(githubURL)
	switch {
	case reason == "":
		return base, nil
	case fleet.HasUser(githubURL):
		return "", errors.New("GitHub address " + reason)
	}
	return "", fmt.Errorf("GitHub address %q %s", githubURL, reason)
}

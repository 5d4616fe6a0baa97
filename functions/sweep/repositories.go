package sweep

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// names has the sweep use GitHub's present name of each repository. If that cannot be
// read, the name of the configuration leads to the same repository nearly always.
func (s *sweep) names(ctx context.Context) error {
	current := make([]string, 0, len(s.Policy.Repositories))
	err := each(s.Policy.Repositories, func(configured string) error {
		name, err := lifecycle.CurrentName(ctx, s.Records, s.Policy, configured)
		current = append(current, name)
		s.renamed[fleet.RepositoryKey(configured)] = fleet.RepositoryKey(name)
		return err
	})
	if err == nil {
		s.Policy.Repositories = current
	}
	return err
}

// presentNames are those of the configured repositories that have others, by their keys in the
// configuration.
func (s *sweep) presentNames() map[string]string {
	names := map[string]string{}
	for i, configured := range s.configured.Repositories {
		if now := s.Policy.Repositories[i]; !fleet.SameRepository(now, configured) {
			names[fleet.RepositoryKey(configured)] = now
		}
	}
	return names
}

// nameNow is what to call a repository on GitHub that a record names: after it was renamed,
// its old name may be another's.
func (s *sweep) nameNow(repository string) string {
	if key := s.key(repository); key != fleet.RepositoryKey(repository) {
		return key
	}
	return repository
}

// key is the same for all names that a repository has had in the configuration and on
// GitHub, whatever their case.
func (s *sweep) key(repository string) string {
	key := fleet.RepositoryKey(repository)
	if now, ok := s.renamed[key]; ok {
		return now
	}
	return key
}

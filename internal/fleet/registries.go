package fleet

import "strings"

// allowsImage reports whether one of allowed_registries covers a repository of a registry:
//
//	ghcr.io          every repository of the registry, pulled without a credential
//	ghcr.io/acme/*   those below a name
//	ghcr.io/acme/ci  one
//
// The last two name repositories: builds pull those with the fleet's credentials, if it
// has any. runner/build.sh reads them in the same way.
func allowsImage(registries []string, registry, repository string) bool {
	for _, allowed := range registries {
		host, names, named := strings.Cut(allowed, "/")
		below, isBelow := strings.CutSuffix(names, "*")
		switch {
		case host != registry:
		case !named, names == repository:
			return true
		case isBelow && len(repository) > len(below) && strings.HasPrefix(repository, below):
			return true
		}
	}
	return false
}

// NamedRepositories are the entries of allowed_registries that name more than a
// registry.
func NamedRepositories(registries []string) (named []string) {
	for _, r := range registries {
		if strings.Contains(r, "/") {
			named = append(named, r)
		}
	}
	return named
}

// ofRegistry are the entries that are about a registry.
func ofRegistry(registries []string, registry string) (of []string) {
	for _, r := range registries {
		if host, _, _ := strings.Cut(r, "/"); host == registry {
			of = append(of, r)
		}
	}
	return of
}

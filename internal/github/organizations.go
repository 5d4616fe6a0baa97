package github

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// listedRepository is the part of a listed repository that the fleet needs.
type listedRepository struct {
	ID       int64     `json:"id"`
	FullName string    `json:"full_name"`
	Private  bool      `json:"private"`
	Archived bool      `json:"archived"`
	Disabled bool      `json:"disabled"`
	PushedAt time.Time `json:"pushed_at"` // zero if it is empty
}

// RepositoriesPage asks for a page of an organization's repositories that may have jobs, by
// name: for a GitHub App those that its installation was given, and else those that the
// token may see. The former are listed as GitHub likes.
// https://docs.github.com/rest/repos/repos#list-organization-repositories
// https://docs.github.com/rest/apps/installations#list-repositories-accessible-to-the-app-installation
func (f ForFleet) RepositoriesPage(ctx context.Context, organization string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	if _, ok := f.Client.credential.(*appTokens); !ok {
		return f.repositories(ctx, organization, "sort=full_name&direction=asc", was)
	}
	type answer struct {
		Repositories []listedRepository `json:"repositories"`
	}
	first := resource{want: Want{Owner: organization, Repositories: true}, path: "/installation/repositories?per_page=100"}
	return page(ctx, f.Client, first, was, func(a answer) []fleet.ListedRepository { return listed(a.Repositories) })
}

// PushedPage is RepositoriesPage in the order of the last pushes, the newest first. For a
// GitHub App it has public repositories too that the installation was not given.
func (f ForFleet) PushedPage(ctx context.Context, organization string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	return f.repositories(ctx, organization, "sort=pushed&direction=desc", was)
}

func (f ForFleet) repositories(ctx context.Context, organization, order string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	first := Organization(organization).resource("/repos?%s&per_page=100", order)
	first.want.Repositories = true
	return page(ctx, f.Client, first, was, listed)
}

// listed leaves out what has no jobs.
func listed(all []listedRepository) (repositories []fleet.ListedRepository) {
	for _, r := range all {
		if !r.Archived && !r.Disabled {
			repositories = append(repositories, fleet.ListedRepository{ID: r.ID, Name: r.FullName, Private: r.Private, PushedAt: r.PushedAt})
		}
	}
	return repositories
}

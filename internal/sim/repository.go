package sim

import "time"

// repository is the one repository of a simulated GitHub. Its owner is a user,
// who also does everything that happens in it.
type repository struct {
	id, ownerID int64
	owner, name string
	created     time.Time
}

func (r repository) branch() string { return "main" }

func (r repository) htmlURL(server string) string { return server + "/" + r.owner + "/" + r.name }

func (r repository) apiURL(server string) string {
	return server + "/api/v3/repos/" + r.owner + "/" + r.name
}

// links are what GitHub appends to the address of a repository.
var repositoryLinks = [...][2]string{
	{"url", ""},
	{"archive_url", "/{archive_format}{/ref}"},
	{"assignees_url", "/assignees{/user}"},
	{"blobs_url", "/git/blobs{/sha}"},
	{"branches_url", "/branches{/branch}"},
	{"collaborators_url", "/collaborators{/collaborator}"},
	{"comments_url", "/comments{/number}"},
	{"commits_url", "/commits{/sha}"},
	{"compare_url", "/compare/{base}...{head}"},
	{"contents_url", "/contents/{+path}"},
	{"contributors_url", "/contributors"},
	{"deployments_url", "/deployments"},
	{"downloads_url", "/downloads"},
	{"events_url", "/events"},
	{"forks_url", "/forks"},
	{"git_commits_url", "/git/commits{/sha}"},
	{"git_refs_url", "/git/refs{/sha}"},
	{"git_tags_url", "/git/tags{/sha}"},
	{"hooks_url", "/hooks"},
	{"issue_comment_url", "/issues/comments{/number}"},
	{"issue_events_url", "/issues/events{/number}"},
	{"issues_url", "/issues{/number}"},
	{"keys_url", "/keys{/key_id}"},
	{"labels_url", "/labels{/name}"},
	{"languages_url", "/languages"},
	{"merges_url", "/merges"},
	{"milestones_url", "/milestones{/number}"},
	{"notifications_url", "/notifications{?since,all,participating}"},
	{"pulls_url", "/pulls{/number}"},
	{"releases_url", "/releases{/id}"},
	{"stargazers_url", "/stargazers"},
	{"statuses_url", "/statuses/{sha}"},
	{"subscribers_url", "/subscribers"},
	{"subscription_url", "/subscription"},
	{"tags_url", "/tags"},
	{"teams_url", "/teams"},
	{"trees_url", "/git/trees{/sha}"},
}

// json has every field of a repository in GitHub's webhooks, which includes
// what the REST API requires.
func (r repository) json(server string, private bool) map[string]any {
	html := r.htmlURL(server)
	visibility := "public"
	if private {
		visibility = "private"
	}
	out := map[string]any{
		"id": r.id, "node_id": nodeID("Repository", r.id), "name": r.name, "full_name": r.owner + "/" + r.name,
		"private": private, "visibility": visibility, "owner": r.user(server), "html_url": html,
		"description": "a simulated repository", "fork": false,
		"created_at": stamp(r.created), "updated_at": stamp(r.created), "pushed_at": stamp(r.created),
		"git_url": html + ".git", "ssh_url": html + ".git", "clone_url": html + ".git", "svn_url": html,
		"homepage": nil, "size": 0, "language": nil, "license": nil, "mirror_url": nil,
		"stargazers_count": 0, "watchers_count": 0, "forks_count": 0, "open_issues_count": 0,
		"forks": 0, "open_issues": 0, "watchers": 0,
		"has_issues": true, "has_projects": false, "has_downloads": false, "has_wiki": false, "has_pages": false,
		"has_discussions": false, "archived": false, "disabled": false, "allow_forking": true, "is_template": false,
		"web_commit_signoff_required": false, "topics": []string{}, "default_branch": r.branch(),
		"custom_properties": struct{}{},
	}
	for _, link := range repositoryLinks {
		out[link[0]] = r.apiURL(server) + link[1]
	}
	return out
}

// user is the owner in GitHub's words.
func (r repository) user(server string) map[string]any {
	self := server + "/api/v3/users/" + r.owner
	return map[string]any{
		"login": r.owner, "id": r.ownerID, "node_id": nodeID("User", r.ownerID), "type": "User", "site_admin": false,
		"avatar_url": server + "/simulated-avatar.png", "gravatar_id": "", "url": self, "html_url": server + "/" + r.owner,
		"followers_url": self + "/followers", "following_url": self + "/following{/other_user}",
		"gists_url": self + "/gists{/gist_id}", "starred_url": self + "/starred{/owner}{/repo}",
		"subscriptions_url": self + "/subscriptions", "organizations_url": self + "/orgs", "repos_url": self + "/repos",
		"events_url": self + "/events{/privacy}", "received_events_url": self + "/received_events",
	}
}

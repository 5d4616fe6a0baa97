package simgithub

import (
	"strconv"
	"strings"
	"time"
)

// The fields of this file are those that GitHub's description requires and nothing in
// the fleet reads.

const stampLayout = "2006-01-02T15:04:05Z"

func (r *repository) owner() string {
	owner, _, _ := strings.Cut(r.name, "/")
	return owner
}

// links are what GitHub appends to the address of a repository.
var repositoryLinks = [...][2]string{
	{"url", ""}, {"archive_url", "/{archive_format}{/ref}"}, {"assignees_url", "/assignees{/user}"},
	{"blobs_url", "/git/blobs{/sha}"}, {"branches_url", "/branches{/branch}"},
	{"collaborators_url", "/collaborators{/collaborator}"}, {"comments_url", "/comments{/number}"},
	{"commits_url", "/commits{/sha}"}, {"compare_url", "/compare/{base}...{head}"}, {"contents_url", "/contents/{+path}"},
	{"contributors_url", "/contributors"}, {"deployments_url", "/deployments"}, {"downloads_url", "/downloads"},
	{"events_url", "/events"}, {"forks_url", "/forks"}, {"git_commits_url", "/git/commits{/sha}"},
	{"git_refs_url", "/git/refs{/sha}"}, {"git_tags_url", "/git/tags{/sha}"}, {"hooks_url", "/hooks"},
	{"issue_comment_url", "/issues/comments{/number}"}, {"issue_events_url", "/issues/events{/number}"},
	{"issues_url", "/issues{/number}"}, {"keys_url", "/keys{/key_id}"}, {"labels_url", "/labels{/name}"},
	{"languages_url", "/languages"}, {"merges_url", "/merges"}, {"milestones_url", "/milestones{/number}"},
	{"notifications_url", "/notifications{?since,all,participating}"}, {"pulls_url", "/pulls{/number}"},
	{"releases_url", "/releases{/id}"}, {"stargazers_url", "/stargazers"}, {"statuses_url", "/statuses/{sha}"},
	{"subscribers_url", "/subscribers"}, {"subscription_url", "/subscription"}, {"tags_url", "/tags"},
	{"teams_url", "/teams"}, {"trees_url", "/git/trees{/sha}"},
}

// rest has a repository's other fields.
func (r *repository) rest() map[string]any {
	html := webURL + r.name
	_, name, _ := strings.Cut(r.name, "/")
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	created := r.created.Format(stampLayout)
	out := map[string]any{
		"node_id": nodeID("Repository", r.id), "name": name, "visibility": visibility, "owner": r.user(true), "html_url": html,
		"description": "a simulated repository", "created_at": created, "updated_at": created, "pushed_at": created,
		"git_url": html + ".git", "ssh_url": html + ".git", "clone_url": html + ".git", "svn_url": html,
		"homepage": nil, "size": 0, "language": nil, "license": nil, "mirror_url": nil,
		"stargazers_count": 0, "watchers_count": 0, "forks_count": 0, "open_issues_count": 0,
		"forks": 0, "open_issues": 0, "watchers": 0,
		"has_issues": true, "has_projects": false, "has_downloads": false, "has_wiki": false, "has_pages": false,
		"has_discussions": false, "archived": false, "disabled": false, "allow_forking": true, "is_template": false,
		"web_commit_signoff_required": false, "topics": []string{}, "default_branch": branch, "custom_properties": struct{}{},
	}
	for _, link := range repositoryLinks {
		out[link[0]] = apiURL + r.name + link[1]
	}
	return out
}

// user is a repository's owner, who does everything that happens in it.
func (r *repository) user(full bool) map[string]any {
	login := r.owner()
	out := map[string]any{"login": login, "id": r.ownerID, "type": "User"}
	if !full {
		return out
	}
	self := "https://api.github.com/users/" + login
	for key, value := range map[string]any{
		"node_id": nodeID("User", r.ownerID), "site_admin": false, "avatar_url": webURL + "simulated.png", "gravatar_id": "",
		"url": self, "html_url": webURL + login, "followers_url": self + "/followers", "following_url": self + "/following{/other_user}",
		"gists_url": self + "/gists{/gist_id}", "starred_url": self + "/starred{/owner}{/repo}",
		"subscriptions_url": self + "/subscriptions", "organizations_url": self + "/orgs", "repos_url": self + "/repos",
		"events_url": self + "/events{/privacy}", "received_events_url": self + "/received_events",
	} {
		out[key] = value
	}
	return out
}

// rest has a run's other fields.
func (r *run) rest() map[string]any {
	api := apiURL + r.repo.name
	id := strconv.FormatInt(r.id, 10)
	self := api + "/actions/runs/" + id
	author := map[string]string{"name": r.repo.owner(), "email": "someone@simulated.invalid"}
	repository := r.repo.rest()
	for key, value := range map[string]any{"id": r.repo.id, "full_name": r.repo.name, "private": r.repo.private, "fork": r.repo.fork} {
		repository[key] = value
	}
	return map[string]any{
		"node_id": nodeID("WorkflowRun", r.id), "check_suite_id": r.id, "check_suite_node_id": nodeID("CheckSuite", r.id),
		"head_sha": commit(r.id), "path": ".github/workflows/simulated.yml", "run_number": r.number, "referenced_workflows": []any{},
		"workflow_id": r.repo.id, "display_title": workflowName, "pull_requests": []any{}, "url": self,
		"run_started_at": r.created.Format(stampLayout), "actor": r.repo.user(true), "triggering_actor": r.repo.user(true),
		"jobs_url": self + "/jobs", "logs_url": self + "/logs", "artifacts_url": self + "/artifacts",
		"cancel_url": self + "/cancel", "rerun_url": self + "/rerun", "previous_attempt_url": nil,
		"check_suite_url": api + "/check-suites/" + id, "workflow_url": api + "/actions/workflows/" + strconv.FormatInt(r.repo.id, 10),
		"head_commit": map[string]any{
			"id": commit(r.id), "tree_id": commit(r.id), "message": "simulated commit",
			"timestamp": r.created.Format(time.RFC3339), "author": author, "committer": author,
		},
		"head_repository": repository,
	}
}

// deployment is the gate of an environment in a webhook.
func (j *job) deployment() map[string]any {
	api := apiURL + j.repo().name
	self := api + "/deployments/" + strconv.FormatInt(j.gate.id, 10)
	return map[string]any{
		"url": self, "id": j.gate.id, "node_id": nodeID("Deployment", j.gate.id), "task": "deploy",
		"original_environment": "production", "environment": "production", "description": nil,
		"created_at": j.gate.created.Format(stampLayout), "updated_at": j.gate.updated.Format(stampLayout),
		"statuses_url": self + "/statuses", "repository_url": api, "creator": j.repo().user(true),
		"sha": commit(j.run.id), "ref": branch, "payload": struct{}{},
		"transient_environment": false, "production_environment": false, "performed_via_github_app": nil,
	}
}

// rest has a webhook's other fields.
func (h *hook) rest(r *repository) map[string]any {
	self := apiURL + r.name + "/hooks/" + strconv.FormatInt(h.id, 10)
	created := r.created.Format(stampLayout)
	return map[string]any{
		"type": "Repository", "name": "web", "active": true, "events": []string{"workflow_job"},
		"created_at": created, "updated_at": created, "url": self, "test_url": self + "/test", "ping_url": self + "/pings",
		"deliveries_url": self + "/deliveries", "last_response": map[string]any{"code": nil, "status": "unused", "message": nil},
	}
}

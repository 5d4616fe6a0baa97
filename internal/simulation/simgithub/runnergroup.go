package simgithub

import (
	"fmt"
	"slices"
	"strings"
)

// runnerGroup is a group of an organization's runners. All of its repositories may use it,
// public ones only if it says so.
// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/manage-access
type runnerGroup struct {
	id     int64
	name   string
	public bool
}

// onlyGroup is the group of a repository's own runners.
var onlyGroup = []*runnerGroup{{id: defaultGroup, name: "Default"}}

// hosted is the group of GitHub's own runners.
var hosted = &runnerGroup{id: hostedGroup, name: "GitHub Actions"}

// addRunnerGroup makes a group in an organization.
func (g *GitHub) addRunnerGroup(org *repository, name string) {
	org.groups = append(org.groups, &runnerGroup{id: g.newID(), name: name})
}

// AddRunnerGroup makes a runner group in an organization.
func (g *GitHub) AddRunnerGroup(organization, name string) {
	g.addRunnerGroup(g.organization(organization), name)
	g.k.Log("runner group %q of %s is made", name, organization)
}

// OpenRunnerGroup lets public repositories use a runner group, or no longer.
func (g *GitHub) OpenRunnerGroup(organization, name string, public bool) {
	org := g.organization(organization)
	org.group(name).public = public
	g.k.Log("runner group %q of %s allows public repositories: %t", name, organization, public)
	g.look(org)
}

// DeleteRunnerGroup deletes a runner group. Its runners are in the default group from then on.
func (g *GitHub) DeleteRunnerGroup(organization, name string) {
	org := g.organization(organization)
	deleted := org.group(name)
	org.groups = slices.DeleteFunc(org.groups, func(group *runnerGroup) bool { return group == deleted })
	for _, r := range org.runners {
		if r.group == deleted {
			r.group = org.groups[0]
		}
	}
	g.k.Log("runner group %q of %s is deleted", name, organization)
}

func (g *GitHub) organization(name string) *repository {
	for _, org := range g.organizations {
		if strings.EqualFold(org.name, name+"/") {
			return org
		}
	}
	panic(fmt.Sprintf("simgithub: there is no organization %q", name))
}

func (repo *repository) group(name string) *runnerGroup {
	for _, group := range repo.groups {
		if strings.EqualFold(group.name, name) {
			return group
		}
	}
	panic(fmt.Sprintf("simgithub: %s has no runner group %q", repo.name, name))
}

// groupByID is a group that runners can be registered in, nil if there is none.
func (repo *repository) groupByID(id int64) *runnerGroup {
	for _, group := range repo.groups {
		if group.id == id {
			return group
		}
	}
	return nil
}

// mayUse reports whether a runner may be given a repository's jobs.
func (repo *repository) mayUse(r *runner) bool {
	return repo.private || r.group.public || !r.repo.isOrganization
}

// listRunnerGroups lists the runner groups of an organization.
// https://docs.github.com/rest/actions/self-hosted-runner-groups#list-self-hosted-runner-groups-for-an-organization
func (g *GitHub) listRunnerGroups(q *request) answer {
	shown := q.pages()
	w := &writer{}
	w.open('{').number("total_count", int64(len(q.repo.groups))).key("runner_groups").open('[')
	for i, group := range q.repo.groups {
		if !shown.has(i) {
			continue
		}
		w.open('{').number("id", group.id).text("name", group.name).text("visibility", "all").boolean("default", group.id == defaultGroup).
			boolean("allows_public_repositories", group.public).boolean("inherited", false)
		if g.cfg.Full {
			w.fields(map[string]any{"runners_url": "https://api.github.com" + q.organizationAddress(), "restricted_to_workflows": false, "selected_workflows": []string{}, "workflow_restrictions_read_only": false})
		}
		w.close('}')
	}
	w.close(']').close('}')
	a := ok(w)
	a.link = shown.link(q, len(q.repo.groups))
	return a
}

package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

const (
	defaultGroup  = 1 // the only runner group of a repository
	hostedGroup   = 2 // GitHub's own runners
	maxName       = 64
	maxLabels     = 100
	maxLabel      = 256
	maxBody       = 1 << 20
	defaultFolder = "_work"
)

type runnerJSON struct {
	ID            int64       `json:"id"`
	RunnerGroupID int64       `json:"runner_group_id"`
	Name          string      `json:"name"`
	OS            string      `json:"os"`
	Status        string      `json:"status"`
	Busy          bool        `json:"busy"`
	Ephemeral     bool        `json:"ephemeral"`
	Version       *string     `json:"version"` // null until it first connects
	Labels        []labelJSON `json:"labels"`
}

type labelJSON struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (r *runner) json() runnerJSON {
	out := runnerJSON{
		ID: r.ID, RunnerGroupID: r.groupID, Name: r.Name, OS: r.os, Status: "offline", Busy: r.busy(), Ephemeral: true,
		Labels: []labelJSON{},
	}
	if r.session != nil {
		out.Status = "online"
	}
	if r.version != "" {
		out.Version = &r.version
	}
	for _, l := range r.labels {
		kind := "custom"
		if slices.Contains([]string{"self-hosted", "linux", "x64", "arm64"}, l.name) {
			kind = "read-only"
		}
		out.Labels = append(out.Labels, labelJSON{ID: l.id, Name: l.name, Type: kind})
	}
	return out
}

func (s *Server) postJITConfig(_ http.ResponseWriter, r *http.Request) (int, any) {
	var body struct {
		Name       *string   `json:"name"`
		GroupID    *int64    `json:"runner_group_id"`
		Labels     *[]string `json:"labels"`
		WorkFolder string    `json:"work_folder"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	for _, required := range []struct {
		key   string
		given bool
	}{
		{"name", body.Name != nil},
		{"runner_group_id", body.GroupID != nil},
		{"labels", body.Labels != nil},
	} {
		if !required.given {
			return unprocessable("Invalid input: object is missing required key: %s.", required.key)
		}
	}
	name, labels := *body.Name, *body.Labels
	switch n := len(labels); {
	case n == 0:
		return unprocessable("Invalid property /labels: 1 item required; only 0 were supplied.")
	case n > maxLabels:
		return unprocessable("Invalid property /labels: no more than %d items are allowed; %d were supplied.", maxLabels, n)
	case name == "" || len(name) > maxName:
		return unprocessable("Invalid property /name: it must have 1 to %d characters.", maxName)
	case *body.GroupID == hostedGroup:
		return refuse(http.StatusForbidden, "Runners cannot be added to the group of GitHub-hosted runners.")
	case !s.hasGroup(*body.GroupID, levelOf(r)):
		return notFound()
	}
	for _, l := range labels {
		if l == "" || len(l) > maxLabel || strings.Contains(l, ",") {
			return unprocessable("Invalid property /labels: %q is not a label.", l)
		}
	}
	if slices.ContainsFunc(s.runners, func(other *runner) bool { return strings.EqualFold(other.Name, name) }) {
		return refuse(http.StatusConflict, fmt.Sprintf("Already exists - A runner with the name %s already exists.", name))
	}
	setDefault(&body.WorkFolder, defaultFolder)

	server := s.cfg.RunnerURL
	if server == "" {
		server = scheme(r) + "://" + r.Host
	}
	reg := s.register(name, labels, body.WorkFolder)
	reg.groupID, reg.level = *body.GroupID, levelOf(r)
	return http.StatusCreated, map[string]any{
		"runner": reg.json(),
		"encoded_jit_config": protocol.Registration{
			ServerURL: server, RunnerID: reg.ID, RunnerName: reg.Name, WorkFolder: reg.workFolder, Secret: reg.secret,
		}.Encode(),
	}
}

// level is what runners and webhooks belong to.
type level string

const (
	repositoryLevel   level = "repository"
	organizationLevel level = "organization"
	enterpriseLevel   level = "enterprise"
)

// levelOf is what a request is about.
func levelOf(r *http.Request) level {
	switch {
	case r.PathValue("enterprise") != "":
		return enterpriseLevel
	case r.PathValue("repo") == "":
		return organizationLevel
	}
	return repositoryLevel
}

// ofOrganization reports whether a request is about the organization.
func ofOrganization(r *http.Request) bool { return levelOf(r) == organizationLevel }

// firstGroup is the id of the first of Config.RunnerGroups.
const firstGroup = 101

// hasGroup reports whether runners can be registered in a group.
func (s *Server) hasGroup(id int64, at level) bool {
	return id == defaultGroup || at != repositoryLevel && id >= firstGroup && id < firstGroup+int64(len(s.cfg.RunnerGroups))
}

func (s *Server) listRunnerGroups(w http.ResponseWriter, r *http.Request) (int, any) {
	all := []any{s.groupJSON(levelOf(r), defaultGroup, "Default")}
	for i, name := range s.cfg.RunnerGroups {
		all = append(all, s.groupJSON(levelOf(r), firstGroup+int64(i), name))
	}
	return http.StatusOK, map[string]any{"total_count": len(all), "runner_groups": page(w, r, all)}
}

func (s *Server) groupJSON(at level, id int64, name string) map[string]any {
	of := "/orgs/" + s.repo.owner
	if at == enterpriseLevel {
		of = "/enterprises/" + s.cfg.Enterprise
	}
	self := fmt.Sprintf("%s%s/actions/runner-groups/%d", s.cfg.URL, of, id)
	group := map[string]any{
		"id": id, "name": name, "visibility": "all", "default": id == defaultGroup, "allows_public_repositories": false,
		"runners_url": self + "/runners", "hosted_runners_url": self + "/hosted-runners", "restricted_to_workflows": false, "selected_workflows": []string{},
		"workflow_restrictions_read_only": false,
	}
	if at == organizationLevel {
		group["inherited"] = false // from the enterprise
	}
	return group
}

func unprocessable(format string, args ...any) (int, any) {
	return refuse(http.StatusUnprocessableEntity, fmt.Sprintf(format, args...))
}

func (s *Server) listRunners(w http.ResponseWriter, r *http.Request) (int, any) {
	all := []runnerJSON{}
	for _, reg := range s.runners {
		if name := r.FormValue("name"); reg.level == levelOf(r) && (name == "" || name == reg.Name) {
			all = append(all, reg.json())
		}
	}
	return http.StatusOK, map[string]any{"total_count": len(all), "runners": page(w, r, all)}
}

func (s *Server) getRunner(_ http.ResponseWriter, r *http.Request) (int, any) {
	reg := s.runner(pathID(r, "runner_id"))
	if reg == nil || reg.level != levelOf(r) {
		return notFound()
	}
	return http.StatusOK, reg.json()
}

func (s *Server) deleteRunnerByID(_ http.ResponseWriter, r *http.Request) (int, any) {
	reg := s.runner(pathID(r, "runner_id"))
	if reg == nil || reg.level != levelOf(r) {
		return notFound()
	}
	if err := s.deleteRunner(reg); err != nil {
		return unprocessable("%v", err)
	}
	return http.StatusNoContent, nil
}

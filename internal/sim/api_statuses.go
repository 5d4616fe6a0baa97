package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// GitHub's limits for a commit status, in characters, and of one context of a commit.
const (
	mostDescription = 140
	mostContext     = 255
	mostStatuses    = 1000
)

// CommitStatus is a status that was posted to a commit.
type CommitStatus struct {
	ID          int64
	SHA         string
	State       string // error, failure, pending or success
	TargetURL   string
	Description string
	Context     string
	CreatedAt   time.Time
}

// Statuses are all that were posted, the oldest first. GitHub shows people the last one of
// each context of a commit.
func (s *Server) Statuses() []CommitStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statuses)
}

func (s *Server) postStatus(_ http.ResponseWriter, r *http.Request) (int, any) {
	if s.cfg.NoStatuses {
		return refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	var body struct {
		State       *string `json:"state"`
		TargetURL   *string `json:"target_url"`
		Description *string `json:"description"`
		Context     *string `json:"context"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	status := CommitStatus{SHA: r.PathValue("sha"), Context: "default", CreatedAt: s.now()}
	for into, given := range map[*string]*string{&status.State: body.State, &status.TargetURL: body.TargetURL, &status.Description: body.Description, &status.Context: body.Context} {
		if given != nil {
			*into = *given
		}
	}
	if body.State == nil {
		return unprocessable("Invalid request.\n\n\"state\" wasn't supplied.")
	}
	if !slices.ContainsFunc(s.jobs, func(j *job) bool { return s.headSHA(j.RunID) == status.SHA }) {
		return unprocessable("No commit found for SHA: %s", status.SHA)
	}
	if field, why := s.invalidStatus(status); why != "" {
		code, body := refuse(http.StatusUnprocessableEntity, "Validation Failed")
		return code, map[string]any{
			"message": body["message"], "documentation_url": body["documentation_url"], "status": body["status"],
			"errors": []map[string]string{{"resource": "Status", "code": "custom", "field": field, "message": why}},
		}
	}
	status.ID = s.newID()
	s.statuses = append(s.statuses, status)
	s.notify()
	return http.StatusCreated, s.statusJSON(status)
}

// invalidStatus says what GitHub refuses about a status, "" if it takes it.
func (s *Server) invalidStatus(status CommitStatus) (field, why string) {
	address, err := url.Parse(status.TargetURL)
	same := 0
	for _, other := range s.statuses {
		if other.SHA == status.SHA && other.Context == status.Context {
			same++
		}
	}
	switch {
	case !slices.Contains([]string{"error", "failure", "pending", "success"}, status.State):
		return "state", fmt.Sprintf("state %q is not included in the list", status.State)
	case utf8.RuneCountInString(status.Description) > mostDescription:
		return "description", fmt.Sprintf("description is too long (maximum is %d characters)", mostDescription)
	case utf8.RuneCountInString(status.Context) > mostContext:
		return "context", fmt.Sprintf("context is too long (maximum is %d characters)", mostContext)
	case status.TargetURL != "" && (err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == ""):
		return "target_url", "target_url must use http(s) scheme"
	case same >= mostStatuses:
		return "base", "This SHA and context has reached the maximum number of statuses."
	}
	return "", ""
}

// statusJSON is a status in GitHub's words.
func (s *Server) statusJSON(status CommitStatus) map[string]any {
	return map[string]any{
		"id": status.ID, "node_id": nodeID("StatusContext", status.ID), "url": s.repo.apiURL(s.cfg.URL) + "/statuses/" + status.SHA,
		"avatar_url": s.cfg.URL + "/simulated-avatar.png?u=" + strconv.FormatInt(s.repo.ownerID, 10), "creator": s.repo.user(s.cfg.URL),
		"state": status.State, "description": orNull(status.Description), "target_url": orNull(status.TargetURL), "context": status.Context,
		"created_at": stamp(status.CreatedAt), "updated_at": stamp(status.CreatedAt),
	}
}

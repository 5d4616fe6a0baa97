package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"
)

// mostOutput is GitHub's limit for the summary of a check run, in characters.
const mostOutput = 65535

// CheckRun is a check run that was created.
type CheckRun struct {
	ID         int64
	SHA        string
	Name       string
	ExternalID string
	DetailsURL string
	Status     string // queued, in_progress or completed
	Conclusion string
	Title      string
	Summary    string
	CreatedAt  time.Time
}

// CheckRuns are all that were created, the oldest first.
func (s *Server) CheckRuns() []CheckRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.checks)
}

// postCheckRun takes a check run from an App alone.
// https://docs.github.com/rest/checks/runs#create-a-check-run
func (s *Server) postCheckRun(_ http.ResponseWriter, r *http.Request) (int, any) {
	if given, _ := bearer(r); s.app == nil || !s.app.issued(given) {
		return refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
	}
	var body struct {
		Name       string `json:"name"`
		HeadSHA    string `json:"head_sha"`
		ExternalID string `json:"external_id"`
		DetailsURL string `json:"details_url"`
		Status     string `json:"status"`
		Conclusion string `json:"conclusion"`
		Output     *struct {
			Title   string `json:"title"`
			Summary string `json:"summary"`
		} `json:"output"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	check := CheckRun{
		SHA: body.HeadSHA, Name: body.Name, ExternalID: body.ExternalID, DetailsURL: body.DetailsURL,
		Status: body.Status, Conclusion: body.Conclusion, CreatedAt: s.now(),
	}
	if body.Output != nil {
		check.Title, check.Summary = body.Output.Title, body.Output.Summary
	}
	if why := s.invalidCheck(check); why != "" {
		return unprocessable("%s", why)
	}
	check.ID = s.newID()
	s.checks = append(s.checks, check)
	s.notify()
	return http.StatusCreated, s.checkJSON(check)
}

// invalidCheck says what GitHub refuses about a check run, "" if it takes it.
func (s *Server) invalidCheck(check CheckRun) string {
	address, err := url.Parse(check.DetailsURL)
	switch {
	case check.Name == "" || check.SHA == "":
		return "Invalid request.\n\n\"name\", \"head_sha\" weren't supplied."
	case !slices.ContainsFunc(s.jobs, func(j *job) bool { return s.headSHA(j.RunID) == check.SHA }):
		return "No commit found for SHA: " + check.SHA
	case check.Status == statusCompleted && check.Conclusion == "":
		return "Invalid request.\n\nMissing required key: conclusion."
	case utf8.RuneCountInString(check.Summary) > mostOutput:
		return fmt.Sprintf("Invalid request.\n\nOnly %d characters are allowed.", mostOutput)
	case check.DetailsURL != "" && (err != nil || address.Scheme != "http" && address.Scheme != "https"):
		return "Validation Failed: details_url must use http(s) scheme"
	}
	return ""
}

// listCheckRuns lists those of a commit, the newest first, and of one name only the latest
// unless all are asked for.
func (s *Server) listCheckRuns(w http.ResponseWriter, r *http.Request) (int, any) {
	name, latest := r.FormValue("check_name"), r.FormValue("filter") != "all"
	seen := map[string]bool{}
	var matching []CheckRun
	for _, check := range slices.Backward(s.checks) {
		if check.SHA != r.PathValue("sha") || name != "" && check.Name != name || latest && seen[check.Name] {
			continue
		}
		seen[check.Name] = true
		matching = append(matching, check)
	}
	shown := []any{}
	for _, check := range page(w, r, matching) {
		shown = append(shown, s.checkJSON(check))
	}
	return http.StatusOK, map[string]any{"total_count": len(matching), "check_runs": shown}
}

// checkJSON is a check run in GitHub's words.
func (s *Server) checkJSON(check CheckRun) map[string]any {
	self := fmt.Sprintf("%s/check-runs/%d", s.repo.apiURL(s.cfg.URL), check.ID)
	status := check.Status
	if status == "" {
		status = statusQueued
	}
	var completed *string
	if status == statusCompleted {
		completed = new(stamp(check.CreatedAt))
	}
	return map[string]any{
		"id": check.ID, "node_id": nodeID("CheckRun", check.ID), "head_sha": check.SHA, "name": check.Name, "external_id": orNull(check.ExternalID),
		"url": self, "html_url": fmt.Sprintf("%s/runs/%d", s.repo.htmlURL(s.cfg.URL), check.ID), "details_url": orNull(check.DetailsURL),
		"status": status, "conclusion": orNull(check.Conclusion), "started_at": stamp(check.CreatedAt), "completed_at": completed,
		"output": map[string]any{
			"title": orNull(check.Title), "summary": orNull(check.Summary), "text": nil, "annotations_count": 0, "annotations_url": self + "/annotations",
		},
		"check_suite": map[string]any{"id": s.repo.id}, "app": nil, "pull_requests": []any{},
	}
}

package why

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Subject is what somebody asks about: a job, or a runner. Text is as it was given.
type Subject struct {
	Text       string
	JobID      int64  // of a job
	RunnerID   string // of a runner
	Host       string // of the URL, in lower case, "" without one
	Repository string // of the URL, "" without one
	// WorkflowRunID is of the URL, 0 if that does not name the workflow run.
	WorkflowRunID int64
}

// RunID is the run of the job, "" if a runner is asked about.
func (s Subject) RunID() string {
	if s.RunnerID != "" {
		return ""
	}
	return fleet.RunID(s.JobID)
}

var (
	bareID = regexp.MustCompile(`^(?:job-)?([1-9][0-9]{0,18})$`)
	// A runner id, or the name of one of its registrations on GitHub, as fleet.RunnerName
	// makes it.
	runnerID = regexp.MustCompile(`^([a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?-(?:w[1-9][0-9]{0,3}|[1-9][0-9]{0,18})-[1-9][0-9]{0,8})(?:\.[1-9][0-9]{0,8})?$`)

	// Paths of a job: in its workflow run, as a check run, and in the REST API.
	jobPath = regexp.MustCompile(`^(?:/api/v3)?(?:/repos)?/([^/]+/[^/]+)/(?:actions/runs/([0-9]{1,19})/(?:attempts/[0-9]+/)?job|actions/jobs|runs)/([1-9][0-9]{0,18})(?:/|$)`)
	runPath = regexp.MustCompile(`^/[^/]+/[^/]+/actions/runs/[0-9]+(?:/|$)`)
)

var errSubject = errors.New("name a job by its URL on GitHub, its id or its run id, as job-20000000005, or a runner by its id, as fleet-20000000005-1")

// ParseSubject reads the URL of a job on GitHub or on a server of its own, a job's id, a
// run id, a runner id, or the name of a runner on GitHub. The error says what to write.
func ParseSubject(text string) (Subject, error) {
	given := strings.TrimSpace(text)
	s := Subject{Text: given}
	if m := bareID.FindStringSubmatch(given); m != nil {
		var err error
		if s.JobID, err = strconv.ParseInt(m[1], 10, 64); err != nil {
			return Subject{}, errSubject
		}
		return s, nil
	}
	if m := runnerID.FindStringSubmatch(given); m != nil {
		s.RunnerID = m[1]
		return s, nil
	}
	if host, _, _ := strings.Cut(given, "/"); !strings.Contains(given, "://") && strings.ContainsAny(host, ".:") { // as some browsers show it
		given = "https://" + given
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return Subject{}, errSubject
	}
	m := jobPath.FindStringSubmatch(u.Path)
	if m == nil {
		if runPath.MatchString(u.Path) {
			return Subject{}, errors.New("this is the URL of a workflow run, which may have many jobs: open the job on GitHub, and copy its URL, which has /job/ in it")
		}
		return Subject{}, errSubject
	}
	s.Host, s.Repository = strings.ToLower(u.Hostname()), m[1]
	if s.JobID, err = strconv.ParseInt(m[3], 10, 64); err != nil {
		return Subject{}, errSubject
	}
	if s.WorkflowRunID, err = strconv.ParseInt(cmp.Or(m[2], "0"), 10, 64); err != nil {
		return Subject{}, errSubject
	}
	return s, nil
}

// isOf reports whether the URL may be of the GitHub with the host.
func (s Subject) isOf(host string) bool {
	return s.Host == "" || s.Host == host || s.Host == "api."+host
}

// Differs says how the URL contradicts the record of the job with its id, "" if it does not:
// another GitHub has jobs with the same ids.
func (s Subject) Differs(job fleet.Job) string {
	if s.Host == "" {
		return ""
	}
	host := s.Host
	if recorded, err := url.Parse(job.HTMLURL); err == nil && recorded.Hostname() != "" && !s.isOf(strings.ToLower(recorded.Hostname())) {
		host = strings.ToLower(recorded.Hostname())
	}
	named, recorded := s.Host+"/"+s.Repository, host+"/"+job.Repository
	if s.WorkflowRunID != 0 && job.WorkflowRunID != 0 && s.WorkflowRunID != job.WorkflowRunID {
		named += fmt.Sprintf(" workflow run %d", s.WorkflowRunID)
		recorded += fmt.Sprintf(" workflow run %d", job.WorkflowRunID)
	}
	if strings.EqualFold(named, recorded) {
		return ""
	}
	return fmt.Sprintf("the URL names %s, and the fleet's record of %s is of %s", name(named), s.RunID(), name(recorded))
}

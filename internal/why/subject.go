package why

import (
	"errors"
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
	runnerID = regexp.MustCompile(`^([a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?-[1-9][0-9]{0,18}-[1-9][0-9]{0,8})(?:\.[1-9][0-9]{0,8})?$`)

	// Paths of a job: in its workflow run, as a check run, and in the REST API.
	jobPath = regexp.MustCompile(`^(?:/api/v3)?(?:/repos)?/([^/]+/[^/]+)/(?:actions/runs/[0-9]+/(?:attempts/[0-9]+/)?job|actions/jobs|runs)/([1-9][0-9]{0,18})(?:/|$)`)
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
	if s.JobID, err = strconv.ParseInt(m[2], 10, 64); err != nil {
		return Subject{}, errSubject
	}
	return s, nil
}

package why

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestParseSubject(t *testing.T) {
	job := Subject{JobID: 2, Host: "github.com", Repository: "o/r", WorkflowRunID: 1}
	ghes := Subject{JobID: 2, Host: "ghe.example.com", Repository: "o/r", WorkflowRunID: 1}
	for text, want := range map[string]Subject{
		"20000000005":                                                {JobID: 20000000005},
		" job-20000000005\n":                                         {JobID: 20000000005},
		"ci-20000000005-1":                                           {RunnerID: "ci-20000000005-1"},
		"my-fleet-20000000005-12":                                    {RunnerID: "my-fleet-20000000005-12"},
		"ci-20000000005-1.3":                                         {RunnerID: "ci-20000000005-1"},
		"job-20000000005-1":                                          {RunnerID: "job-20000000005-1"},
		"https://github.com/o/r/actions/runs/1/job/2":                job,
		"https://github.com/o/r/actions/runs/1/job/2?pr=7":           job,
		"https://github.com/o/r/actions/runs/1/job/2#step:3:14":      job,
		"https://github.com/o/r/actions/runs/1/job/2?pr=7#step:3:14": job,
		"https://github.com/o/r/actions/runs/1/job/2/":               job,
		"https://github.com/o/r/actions/runs/1/attempts/3/job/2":     job,
		"github.com/o/r/actions/runs/1/job/2":                        job,
		"ghe.example.com:8443/o/r/actions/runs/1/job/2?pr=7":         ghes,
		"https://github.com/o/r/runs/2":                              {JobID: 2, Host: "github.com", Repository: "o/r"},
		"https://GHE.example.com/o/r/actions/runs/1/job/2":           ghes,
		"https://ghe.example.com:8443/o/r/actions/runs/1/job/2":      ghes,
		"https://ghe.example.com/api/v3/repos/o/r/actions/jobs/2":    {JobID: 2, Host: "ghe.example.com", Repository: "o/r"},
		"https://api.github.com/repos/o/r/actions/jobs/2":            {JobID: 2, Host: "api.github.com", Repository: "o/r"},
	} {
		want.Text = strings.TrimSpace(text)
		got, err := ParseSubject(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
	for text, says := range map[string]string{
		"": "name a job by its URL", "0": "name a job", "-1": "name a job", "99999999999999999999": "name a job", "9999999999999999999": "name a job", "build": "name a job",
		"https://github.com/o/r": "name a job", "github.com/o/r/actions/runs/1": "a workflow run", "o/r/actions/runs/1/job/2": "name a job", "/o/r/actions/runs/1/job/2": "name a job", "https://github.com/o/r/actions/runs/1": "a workflow run", "https://github.com/o/r/actions/runs/1?pr=7": "a workflow run",
		"ftp://github.com/o/r/actions/runs/1/job/2": "name a job", "ci-1-1\x1b[31m": "name a job", "job-1/../2": "name a job",
	} {
		if _, err := ParseSubject(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func TestDiffers(t *testing.T) {
	job := fleet.Job{JobID: 2, WorkflowRunID: 1, Repository: "Octo-Org/app", HTMLURL: "https://GHE.example.com:8443/Octo-Org/app/actions/runs/1/job/2"}
	for text, says := range map[string]string{
		"2":      "",
		"ci-2-1": "",
		"https://ghe.example.com/octo-org/App/actions/runs/1/job/2":        "",
		"https://ghe.example.com/octo-org/app/runs/2":                      "",
		"https://ghe.example.com/api/v3/repos/octo-org/app/actions/jobs/2": "",
		"https://github.com/octo-org/app/actions/runs/1/job/2":             "the URL names github.com/octo-org/app, and the fleet's record of job-2 is of ghe.example.com/Octo-Org/app",
		"https://ghe.example.com/octo-org/web/actions/runs/1/job/2":        "names ghe.example.com/octo-org/web, and",
		"https://ghe.example.com/octo-org/app/actions/runs/9/job/2":        "octo-org/app workflow run 9, and the fleet's record of job-2 is of ghe.example.com/Octo-Org/app workflow run 1",
	} {
		subject, err := ParseSubject(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := subject.Differs(job); !strings.Contains(got, says) || (got == "") != (says == "") {
			t.Errorf("%s: %q, want %q", text, got, says)
		}
	}
}

func FuzzParseSubject(f *testing.F) {
	f.Add("https://github.com/o/r/actions/runs/1/job/2?pr=7#step:3:14")
	f.Add("ci-20000000005-1.3")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSubject(text)
		if err == nil && (s.JobID > 0) == (s.RunnerID != "") {
			t.Errorf("%q is %+v: neither a job nor a runner, or both", text, s)
		}
	})
}

package why

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSubject(t *testing.T) {
	job := Subject{JobID: 2, Host: "github.com", Repository: "o/r"}
	ghes := Subject{JobID: 2, Host: "ghe.example.com", Repository: "o/r"}
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
		"https://github.com/o/r/runs/2":                              job,
		"https://GHE.example.com/o/r/actions/runs/1/job/2":           ghes,
		"https://ghe.example.com:8443/o/r/actions/runs/1/job/2":      ghes,
		"https://ghe.example.com/api/v3/repos/o/r/actions/jobs/2":    ghes,
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
		"https://github.com/o/r": "name a job", "https://github.com/o/r/actions/runs/1": "a workflow run", "https://github.com/o/r/actions/runs/1?pr=7": "a workflow run",
		"ftp://github.com/o/r/actions/runs/1/job/2": "name a job", "ci-1-1\x1b[31m": "name a job", "job-1/../2": "name a job",
	} {
		if _, err := ParseSubject(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
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

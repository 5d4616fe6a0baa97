package workload

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	head = "created_at,started_at,completed_at,repository,labels\n"
	good = "2026-07-01T09:00:00Z,2026-07-01T09:00:40Z,2026-07-01T09:05:40Z,octo/app,self-hosted;class:small\n"
)

var jobs = []Job{{Repository: "octo/app", Labels: []string{"self-hosted", "class:small"}, Takes: 5 * time.Minute}}

func TestJobsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []Job
	}{
		"as GitHub has them":            {head + good, jobs},
		"without a last line feed":      {head + strings.TrimSuffix(good, "\n"), jobs},
		"with a byte order mark":        {"\ufeff" + head + good, jobs},
		"with lines as Windows's":       {strings.ReplaceAll(head+good, "\n", "\r\n"), jobs},
		"with empty lines":              {head + "\n" + good + "  \n", jobs},
		"in quotes":                     {strings.ToUpper(head) + `"2026-07-01T09:00:00Z","2026-07-01T09:00:40Z","2026-07-01T09:05:40Z","octo/app","self-hosted; class:small"`, jobs},
		"in another order, with more":   {"name,labels,repository,completed_at,started_at,created_at\n" + `"a ""b"", c",self-hosted;class:small,octo/app,2026-07-01T09:05:40Z,2026-07-01T09:00:40Z,2026-07-01T09:00:00Z`, jobs},
		"in another zone":               {head + "2026-07-01T11:00:00+02:00,2026-07-01T09:00:40Z,2026-07-01T09:05:40Z,octo/app,self-hosted;class:small", jobs},
		"without the last column's end": {head + good + "2026-07-01T09:10:00Z,,,octo/app,self-hosted", jobs},
		"the younger one first": {
			head + "2026-07-01T09:10:00Z,2026-07-01T09:10:01Z,2026-07-01T09:10:01Z,octo/lib,gpu\n" + good,
			append(jobs[:1:1], Job{Repository: "octo/lib", Labels: []string{"gpu"}, Queued: 10 * time.Minute, Takes: time.Second}),
		},
		"cancelled before a runner had it": {
			head + good + "2026-07-01T09:00:00Z,,2026-07-01T09:30:00Z,octo/app,self-hosted",
			append(jobs[:1:1], Job{Repository: "octo/app", Labels: []string{"self-hosted"}, Cancelled: 30 * time.Minute}),
		},
		"of one workflow run": {
			"run_id," + head + "77," + good,
			[]Job{{Repository: "octo/app", Labels: []string{"self-hosted", "class:small"}, Takes: 5 * time.Minute, Run: "77"}},
		},
		"a second before it was made": {
			head + "2026-07-01T09:00:00Z,2026-07-01T08:59:59Z,2026-07-01T08:59:59Z,octo/app,gpu",
			[]Job{{Repository: "octo/app", Labels: []string{"gpu"}, Takes: time.Second}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := ReadCSV("jobs.csv", strings.NewReader(c.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, w.Jobs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if want := time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC); !w.Start.Equal(want) {
				t.Errorf("it starts at %s", w.Start)
			}
		})
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	row := func(text string) string { return head + good + text }
	for name, c := range map[string]struct{ file, want string }{
		"empty":              {"", "jobs.csv: it is empty: it needs a head of created_at,started_at,completed_at,repository,labels"},
		"a mark and no more": {"\ufeff", "jobs.csv:1: the head lacks created_at, started_at"},
		"a head alone":       {head, "jobs.csv: it has a head and no jobs"},
		"nothing has ended":  {head + "2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,,octo/app,gpu", "jobs.csv: none of its 1 jobs has ended"},
		"no head":            {good, "jobs.csv:1: the head lacks created_at"},
		"a head with less":   {"created_at,started_at,repository,labels\n", "jobs.csv:1: the head lacks completed_at: "},
		"a column twice":     {"labels," + head, "jobs.csv:1: labels: the head has this column twice"},
		"semicolons":         {strings.ReplaceAll(head, ",", ";"), "jobs.csv:1: the head lacks"},
		"another time":       {row("1 July,,,octo/app,gpu"), `jobs.csv:3: created_at: "1 July" is not a time: write it as 2026-07-01T09:30:00Z`},
		"no time":            {row(",,2026-07-01T09:00:00Z,octo/app,gpu"), "jobs.csv:3: created_at: it is empty"},
		"times backwards":    {row("2026-07-01T09:00:00Z,2026-07-01T09:01:00Z,2026-07-01T09:00:30Z,octo/app,gpu"), "jobs.csv:3: completed_at: it is 30s before started_at: correct it"},
		"started before":     {row("2026-07-01T09:00:00Z,2026-07-01T08:01:00Z,2026-07-01T09:00:30Z,octo/app,gpu"), "jobs.csv:3: started_at: it is 59m0s before created_at"},
		"ended before":       {row("2026-07-01T09:00:00Z,,2026-07-01T08:00:30Z,octo/app,gpu"), "jobs.csv:3: completed_at: it is 59m30s before created_at"},
		"a job of a week":    {row("2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,2026-07-08T09:00:00Z,octo/app,gpu"), "jobs.csv:3: completed_at: it is 168h0m0s after started_at, and GitHub ends a job after 120h"},
		"a wait of a year":   {row("2026-07-01T09:00:00Z,,2027-07-01T09:00:00Z,octo/app,gpu"), "jobs.csv:3: completed_at: it is 8760h0m0s after created_at"},
		"a file of ages":     {row("0001-07-01T09:00:00Z,0001-07-01T09:00:00Z,0001-07-01T09:00:00Z,octo/app,gpu"), "jobs.csv: its jobs are of 0001-07-01 to 2026-07-01, more than 92 days"},
		"no repository":      {row("2026-07-01T09:00:00Z,,,,gpu"), "jobs.csv:3: repository: it is empty"},
		"half a repository":  {row("2026-07-01T09:00:00Z,,,octo,gpu"), `jobs.csv:3: repository: "octo" is not a repository: write it as owner/name`},
		"a repository's URL": {row("2026-07-01T09:00:00Z,,,https://github.com/octo/app,gpu"), `jobs.csv:3: repository: "https://github.com/octo/app" is not a repository: write it as owner/name`},
		"no name at all":     {row("2026-07-01T09:00:00Z,,,octo/..,gpu"), `jobs.csv:3: repository: "octo/.." is not a repository`},
		"too many columns":   {row("2026-07-01T09:00:00Z,,,octo/app,self-hosted,class:large"), "jobs.csv:3: it has 6 columns, and the head has 5: quote cells that have commas; between labels stand semicolons"},
		"no labels":          {row("2026-07-01T09:00:00Z,,,octo/app,;"), "jobs.csv:3: labels: there are none"},
		"too few columns":    {row("2026-07-01T09:00:00Z,octo/app"), "jobs.csv:3: it has 2 columns, and the head wants at least 5"},
		"an open quote":      {row(`"2026-07-01T09:00:00Z,,,octo/app,gpu`), "jobs.csv:3: column 1 begins with a quote, and none ends it"},
		"a quote within":     {row(`2026-07-01T09:00:00Z,,,octo/app,g"pu`), "jobs.csv:3: column 5 has a quote in its middle"},
		"more behind one":    {row(`"2026-07-01T09:00:00Z"x,,,octo/app,gpu`), "jobs.csv:3: column 1 goes on behind its closing quote"},
		"NUL":                {row("2026-07-01T09:00:00Z,\x00,,octo/app,gpu"), "jobs.csv:3: byte 22 of the line is NUL"},
		"UTF-16":             {"\xff\xfec\x00r\x00", "jobs.csv:1: the file is in UTF-16: save it as CSV in UTF-8"},
		"Latin-1":            {row("2026-07-01T09:00:00Z,,,octo/app,gr\xfcn"), "jobs.csv:3: the line is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadCSV("jobs.csv", strings.NewReader(c.file))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// GitHub's names are the same in any case.
func TestARepositoryHasOneName(t *testing.T) {
	w, err := ReadCSV("jobs.csv", strings.NewReader(head+
		"2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,2026-07-01T09:01:00Z,Octo/App,gpu,,\n"+ // as spreadsheets end lines
		"2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,2026-07-01T09:01:00Z,octo/app,gpu\n"))
	if err != nil || len(w.Jobs) != 2 || len(w.Repositories()) != 1 || w.Repositories()[0] != "Octo/App" {
		t.Errorf("%v of %v, %v", w.Jobs, w.Repositories(), err)
	}
}

// Of what is wrong in many lines the first ten are named, so that no one reads a million.
func TestAllThatIsWrongIsNamedAtOnce(t *testing.T) {
	_, err := ReadCSV("jobs.csv", strings.NewReader(head+"yesterday,,,octo,\n"+strings.Repeat(good, 3)+"today,,,octo/app,gpu\n"))
	for _, want := range []string{`jobs.csv:2: created_at: "yesterday"`, `jobs.csv:6: created_at: "today"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	_, err = ReadCSV("jobs.csv", strings.NewReader(head+strings.Repeat("yesterday,,,octo/app,gpu\n", 500)))
	if lines := strings.Count(err.Error(), "\n"); lines != mostProblems {
		t.Errorf("%d lines", lines+1)
	}
}

// endless is a line that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func TestALineHasAnEnd(t *testing.T) {
	e := &endless{}
	_, err := ReadCSV("jobs.csv", io.MultiReader(strings.NewReader(head), e))
	if err == nil || !strings.HasPrefix(err.Error(), "jobs.csv:2: the line has more than 65536 bytes") {
		t.Errorf("%v", err)
	}
	if e.read > 1<<20 {
		t.Errorf("%d bytes were read of it", e.read)
	}
}

func TestAFileHasAnEnd(t *testing.T) {
	rows := strings.NewReader(head + strings.Repeat("2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,o/r,x\n", MostJobs+1))
	if _, err := ReadCSV("jobs.csv", rows); err == nil || !strings.Contains(err.Error(), "it has more than 200000 jobs") {
		t.Errorf("%v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestAFileThatBreaksOff(t *testing.T) {
	_, err := ReadCSV("jobs.csv", io.MultiReader(strings.NewReader(head+good), broken{}))
	if err == nil || err.Error() != "jobs.csv: the disk is gone" {
		t.Errorf("%v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add(head + good)
	f.Add("\ufeff" + head + `"2026-07-01T09:00:00Z",,,"o/r","a;""b"""` + "\r\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ReadCSV("jobs.csv", strings.NewReader(text))
		if (err == nil) != (len(w.Jobs) > 0) {
			t.Fatalf("%d jobs, %v", len(w.Jobs), err)
		}
		for i, j := range w.Jobs {
			if j.Queued < 0 || j.Queued > longestSpan || j.Takes > longestJob || j.Cancelled > longestRun || i > 0 && j.Queued < w.Jobs[i-1].Queued || (j.Takes > 0) == (j.Cancelled > 0) || len(j.Labels) == 0 || !strings.Contains(j.Repository, "/") {
				t.Fatalf("job %d is %+v", i, j)
			}
		}
	})
}

package workload

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Columns are those of a file of jobs, in any order. Others are ignored, but for run_id,
// which says which jobs were of one workflow run.
var Columns = []string{"created_at", "started_at", "completed_at", "repository", "labels"}

const runColumn = "run_id"

// Separator stands between the labels of a job. GitHub's labels may have spaces.
const Separator = ";"

// What a file may have at most.
const (
	MostJobs     = 200_000
	longestSpan  = 92 * 24 * time.Hour
	longestLine  = 64 << 10
	mostProblems = 10
)

// Problem is what is wrong with a file of jobs, and where.
type Problem struct {
	File   string
	Line   int    // 0 is the file as a whole
	Column string // "" is the line as a whole
	What   string // and what to do
}

func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where += fmt.Sprintf(":%d", p.Line)
	}
	if p.Column != "" {
		where += ": " + p.Column
	}
	return where + ": " + p.What
}

// ReadCSV reads a file of jobs, one a line, under a head with the names of the columns. Its
// error joins the first Problems that it meets. Times are those of RFC 3339, as GitHub's API
// has them; one that is not known is empty. A job without started_at was cancelled before a
// runner had it, and one without completed_at had not ended.
func ReadCSV(name string, from io.Reader) (Workload, error) {
	r := &reader{name: name, from: bufio.NewReaderSize(from, longestLine)}
	head, err := r.head()
	if err != nil {
		return Workload{}, err
	}
	w := Workload{Name: name}
	var rows []row
	for {
		text, err := r.line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Workload{}, errors.Join(append(r.problems, err)...)
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		one, ok := r.row(head, text)
		switch {
		case len(r.problems) == mostProblems:
			return Workload{}, errors.Join(append(r.problems, fmt.Errorf("%s: there may be more wrong than that", name))...)
		case !ok:
		case one.completed.IsZero():
			w.Unfinished++
		case len(rows) == MostJobs:
			return Workload{}, r.problem("", "it has more than %d jobs: simulate a part of them", MostJobs)
		default:
			rows = append(rows, one)
		}
	}
	if len(r.problems) > 0 {
		return Workload{}, errors.Join(r.problems...)
	}
	if len(rows) == 0 {
		r.n = 0
		if w.Unfinished > 0 {
			return Workload{}, r.problem("", "none of its %d jobs has ended: a job counts once it has completed_at", w.Unfinished)
		}
		return Workload{}, r.problem("", "it has a head and no jobs: write a line for each job")
	}
	spelt := map[string]string{} // as GitHub has them: in any case
	for i, one := range rows {
		key := strings.ToLower(one.repository)
		spelt[key] = cmp.Or(spelt[key], one.repository)
		rows[i].repository = spelt[key]
	}
	byAge := func(a, b row) int { return a.created.Compare(b.created) }
	first, last := slices.MinFunc(rows, byAge), slices.MaxFunc(rows, byAge)
	if span := last.created.Sub(first.created); span > longestSpan {
		r.n = 0
		return Workload{}, r.problem("", "its jobs are of %s to %s, more than %d days: simulate a part of them", first.created.Format(time.DateOnly), last.created.Format(time.DateOnly), longestSpan/(24*time.Hour))
	}
	w.Start = first.created
	for _, one := range rows {
		w.Jobs = append(w.Jobs, one.job(w.Start))
	}
	w.Jobs = inOrder(w.Jobs)
	return w, nil
}

// row is a job as the file has it.
type row struct {
	created, started, completed time.Time
	repository, run             string
	labels                      []string
}

func (r row) job(start time.Time) Job {
	j := Job{Repository: r.repository, Labels: r.labels, Queued: r.created.Sub(start), Run: r.run}
	if r.started.IsZero() {
		j.Cancelled = max(time.Second, r.completed.Sub(r.created))
		return j
	}
	j.Takes = max(time.Second, r.completed.Sub(r.started)) // GitHub's times have whole seconds
	return j
}

// reader reads lines, and counts them.
type reader struct {
	name     string
	from     *bufio.Reader
	n        int // of the line
	columns  int // of the head
	problems []error
}

func (r *reader) problem(column, what string, args ...any) error {
	return Problem{r.name, r.n, column, fmt.Sprintf(what, args...)}
}

// note keeps a problem, to go on with the next line.
func (r *reader) note(column, what string, args ...any) {
	r.problems = append(r.problems, r.problem(column, what, args...))
}

// line is the next line, without its end.
func (r *reader) line() (string, error) {
	text, err := r.from.ReadSlice('\n')
	if err == io.EOF && len(text) == 0 {
		return "", io.EOF
	}
	r.n++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", r.problem("", "the line has more than %d bytes: end each job's line with a line feed", longestLine)
	case err != nil && err != io.EOF:
		return "", fmt.Errorf("%s: %w", r.name, err)
	}
	if r.n == 1 {
		if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
			return "", r.problem("", "the file is in UTF-16: save it as CSV in UTF-8")
		}
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // as spreadsheets write it
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return "", r.problem("", "byte %d of the line is NUL: a text file has none; export the jobs again", i+1)
	}
	if !utf8.Valid(text) {
		return "", r.problem("", "the line is not UTF-8: save the file as CSV in UTF-8")
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// head returns where each column is, -1 for one that is not there.
func (r *reader) head() (map[string]int, error) {
	text, err := r.line()
	if err == io.EOF {
		return nil, r.problem("", "it is empty: it needs a head of %s, and a line for each job", strings.Join(Columns, ","))
	}
	if err != nil {
		return nil, err
	}
	cells, what := split(text)
	if what != "" {
		return nil, r.problem("", "%s", what)
	}
	r.columns = len(cells)
	at := map[string]int{runColumn: -1}
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		if had, ok := at[name]; ok && had >= 0 && (slices.Contains(Columns, name) || name == runColumn) {
			return nil, r.problem(name, "the head has this column twice: leave one out")
		}
		at[name] = i
	}
	var missing []string
	for _, name := range Columns {
		if _, ok := at[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, r.problem("", "the head lacks %s: the first line is %s, in any order, between commas", strings.Join(missing, ", "), strings.Join(Columns, ","))
	}
	return at, nil
}

// row reads a line; false if something is wrong with it, which is noted.
func (r *reader) row(at map[string]int, text string) (one row, ok bool) {
	cells, what := split(text)
	if what != "" {
		r.note("", "%s", what)
		return one, false
	}
	before := len(r.problems)
	cell := func(name string) string {
		if i := at[name]; i >= 0 && i < len(cells) {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	last := 0
	for _, name := range Columns {
		last = max(last, at[name])
	}
	if len(cells) <= last {
		r.note("", "it has %d columns, and the head wants at least %d: quote cells that have commas", len(cells), last+1)
		return one, false
	}
	if more := cells[min(len(cells), r.columns):]; strings.Join(more, "") != "" { // spreadsheets write empty ones
		r.note("", "it has %d columns, and the head has %d: quote cells that have commas; between labels stand semicolons", len(cells), r.columns)
		return one, false
	}
	one.created, one.started, one.completed = r.time("created_at", cell), r.time("started_at", cell), r.time("completed_at", cell)
	one.repository, one.run = cell("repository"), cell(runColumn)
	for _, label := range strings.Split(cell("labels"), Separator) {
		if label = strings.TrimSpace(label); label != "" {
			one.labels = append(one.labels, label)
		}
	}
	if len(r.problems) > before {
		return one, false
	}
	r.check(one)
	return one, len(r.problems) == before
}

func (r *reader) time(column string, cell func(string) string) time.Time {
	text := cell(column)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.note(column, "%.40q is not a time: write it as 2026-07-01T09:30:00Z, or leave it empty if there is none", text)
	}
	return at
}

// How long GitHub lets a job run on a runner that is not its own, and a workflow run last.
// https://docs.github.com/actions/reference/limits
const (
	longestJob = 5 * 24 * time.Hour
	longestRun = 35 * 24 * time.Hour
)

// What GitHub allows as names.
var (
	ownerName      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,37}[A-Za-z0-9])?$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// inaccuracy is how far apart two of GitHub's times may be, which have whole seconds.
const inaccuracy = time.Second

func (r *reader) check(one row) {
	owner, repository, slash := strings.Cut(one.repository, "/")
	switch {
	case one.repository == "":
		r.note("repository", "it is empty: write the job's repository as owner/name")
	case !slash || !ownerName.MatchString(owner) || !repositoryName.MatchString(repository), strings.Trim(repository, ".") == "":
		r.note("repository", "%.60q is not a repository: write it as owner/name", one.repository)
	}
	if one.created.IsZero() {
		r.note("created_at", "it is empty: every job was queued at some time; leave the line out if that is not known")
		return
	}
	if len(one.labels) == 0 {
		r.note("labels", "there are none: write what the job's runs-on has, with %q between them", Separator)
	}
	r.follows("started_at", one.started, "created_at", one.created)
	if one.started.IsZero() {
		r.follows("completed_at", one.completed, "created_at", one.created)
		if waited := one.completed.Sub(one.created); waited > longestRun {
			r.note("completed_at", "it is %s after created_at, and GitHub ends a workflow run after 840h: correct it, or leave the line out", waited)
		}
		return
	}
	r.follows("completed_at", one.completed, "started_at", one.started)
	if took := one.completed.Sub(one.started); took > longestJob {
		r.note("completed_at", "it is %s after started_at, and GitHub ends a job after 120h: correct it, or leave the line out", took)
	}
}

// follows notes a time that is before another.
func (r *reader) follows(column string, at time.Time, earlier string, from time.Time) {
	if !at.IsZero() && at.Before(from.Add(-inaccuracy)) {
		r.note(column, "it is %s before %s: correct it, or leave the line out", from.Sub(at), earlier)
	}
}

// split splits a line into its cells. A cell with commas or quotes stands in quotes, and a
// quote in it is doubled (RFC 4180). It returns what is wrong, "" if nothing is.
func split(line string) (cells []string, wrong string) {
	for {
		if !strings.HasPrefix(line, `"`) {
			cell, rest, more := strings.Cut(line, ",")
			if strings.Contains(cell, `"`) {
				return nil, fmt.Sprintf("column %d has a quote in its middle: put the whole cell in quotes, and double those in it", len(cells)+1)
			}
			if cells = append(cells, cell); !more {
				return cells, ""
			}
			line = rest
			continue
		}
		var cell strings.Builder
		rest := line[1:]
		for {
			text, after, closed := strings.Cut(rest, `"`)
			cell.WriteString(text)
			if !closed {
				return nil, fmt.Sprintf("column %d begins with a quote, and none ends it on this line", len(cells)+1)
			}
			if !strings.HasPrefix(after, `"`) {
				rest = after
				break
			}
			cell.WriteByte('"')
			rest = after[1:]
		}
		cells = append(cells, cell.String())
		switch {
		case rest == "":
			return cells, ""
		case rest[0] != ',':
			return nil, fmt.Sprintf("column %d goes on behind its closing quote: put a comma there", len(cells))
		}
		line = rest[1:]
	}
}

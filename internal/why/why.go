// Package why answers the question of an on-call engineer: why has my job no runner, or
// what became of it?
//
// The answer is made from records alone, by one pure function, so that every place that
// shows it, the command line and others, says the same in the same words. Names, labels
// and reasons in it are strangers' text, shortened: whoever shows a field removes what
// does not print, as Text does.
package why

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// Facts are what an answer is made from.
type Facts struct {
	Now      time.Time
	Subject  Subject
	Run      *fleet.Run     // nil if the fleet has no record of the job
	Runner   *fleet.Runner  // that was asked about, nil if a job was
	Runners  []fleet.Runner // launched for the run, the oldest first, and the one that took its job
	Hold     *fleet.Hold    // that the run waits for
	Capacity fleet.Capacity
	Image    *fleet.ImageRecord // that the run asks for, nil if it was never built
	Lock     fleet.BuildLock    // of the image's build
	Policy   fleet.Policy
	GitHub   GitHub // asked only if there is no record
	// GitHubURL is what people open in a browser, "" for GitHub itself.
	GitHubURL string
	GitHubCA  string   // authorities of that GitHub, in PEM
	Labels    []string // of a job without a record, nil if they are not known
	Flags     string   // by which commands find the fleet, beginning with a space
}

// GitHub is what GitHub says of a job, or why it was not asked, or how asking failed.
type GitHub struct {
	Job      *fleet.Job
	NotAsked string
	Failed   string
	Webhook  Webhook
}

// Webhook is how GitHub delivered that a job is queued, and how the fleet answered.
type Webhook struct {
	// Delivered is nil if GitHub shows no delivery about the job.
	Delivered *Delivered
	// NotSeen says why GitHub was not asked, or how asking failed; "" if it was.
	NotSeen string
}

// Delivered is one attempt of GitHub to deliver.
type Delivered struct {
	At     time.Time
	Status int    // of HTTP
	Says   string // GitHub: OK, or how it failed
	Body   string // of the answer: the fleet's is JSON
}

// Stage is one part of the time of the job; stages.Of says which there are.
type Stage = stages.Stage

// Answer is the whole page. Its JSON has stable field names.
type Answer struct {
	Asked    string          `json:"asked"`
	At       time.Time       `json:"answered_at"`
	Answer   string          `json:"answer"` // one sentence
	Known    bool            `json:"known"`  // the fleet has a record of it
	Status   fleet.RunStatus `json:"status,omitempty"`
	Whose    string          `json:"whose,omitempty"` // business it is
	Job      Job             `json:"job"`
	Decision Decision        `json:"decision"`
	Reason   string          `json:"reason,omitempty"` // that the records have
	Stages   []Stage         `json:"stages"`           // one after the other, without gaps
	Total    *int64          `json:"total_ms,omitempty"`
	Ended    bool            `json:"ended"` // else Total and the last stage go on
	Waits    *Waits          `json:"waits,omitempty"`
	Runners  []Runner        `json:"runners"`
	Notes    []string        `json:"notes"`
	Next     []Step          `json:"next"`
}

// Job is what was asked for.
type Job struct {
	RunID        string   `json:"run_id,omitempty"`
	JobID        int64    `json:"job_id,omitempty"`
	Repository   string   `json:"repository,omitempty"`
	WorkflowName string   `json:"workflow_name,omitempty"`
	Name         string   `json:"job_name,omitempty"`
	Labels       []string `json:"labels"`
	HTMLURL      string   `json:"html_url,omitempty"`
}

// Decision is what the policy decided, and by which rule.
type Decision struct {
	Verdict   string `json:"verdict,omitempty"` // admitted, refused, ignored or undecided; "" if nothing was decided
	Would     bool   `json:"would,omitempty"`   // be decided so by the policy of now; nothing is recorded
	Rule      string `json:"rule,omitempty"`
	Reason    string `json:"reason,omitempty"`
	ClassName string `json:"class_name,omitempty"`
	Image     string `json:"image,omitempty"`
}

// Waits is what the job waits for.
type Waits struct {
	For    string    `json:"for"`
	Until  time.Time `json:"until,omitzero"`       // when that is over, or looked at again
	Event  string    `json:"until_what,omitempty"` // what ends it, or happens then
	Sooner string    `json:"sooner,omitempty"`     // what ends it before
}

// Runner is what became of one runner.
type Runner struct {
	RunnerID string             `json:"runner_id"`
	Status   fleet.RunnerStatus `json:"status"`
	Says     string             `json:"says"`
}

// Step is something to do next.
type Step struct {
	Do      string `json:"do"`
	Command string `json:"command,omitempty"`
}

// finding is what the answer says of where a job stands.
type finding struct {
	says  string // after the job's name
	whose string
	waits *Waits
	next  []Step
	notes []string
}

// Whose business it is, beside those of fleet.SetbackKind.
const (
	ofJob           = "job"
	ofImage         = "image"
	ofCapacity      = "capacity"
	ofGitHub        = "GitHub"
	ofConfiguration = "configuration"
	ofFleet         = "fleet"
	ofOperator      = "operator"
)

// Of answers.
func Of(f Facts) Answer {
	a := Answer{Asked: name(f.Subject.Text), At: f.Now.UTC(), Job: Job{Labels: []string{}}, Stages: []Stage{}, Runners: []Runner{}, Notes: []string{}, Next: []Step{}}
	var found finding
	if f.Run == nil {
		found = f.unknown(&a)
	} else {
		a.Known, a.Status, a.Reason = true, f.Run.Shown(), sentence(f.Run.Reason)
		if f.stoppedByPolicy() { // the run's own reason is GitHub's word
			a.Reason = fleet.StoppedByPolicy
		}
		a.Job, a.Decision = jobOf(f.Run.Job), f.decided()
		a.Ended = f.Run.Status.Terminal()
		split := stages.Of(*f.Run, f.Runners, f.Now)
		a.Stages, a.Total = split.Stages, split.Total
		for _, r := range f.Runners {
			a.Runners = append(a.Runners, Runner{r.RunnerID, r.Status, f.became(r, "this job")})
		}
		found = f.stands()
		found.says = f.Run.RunID + " " + found.says
		found.notes = append(found.notes, f.notes()...)
		if differs := f.Subject.Differs(f.Run.Job); differs != "" {
			found.says = differs + ": " + found.says
		}
		if f.Runner != nil && (f.runner() == nil || f.runner().RunnerID != f.Runner.RunnerID) {
			found.says = f.Runner.RunnerID + " " + f.became(*f.Runner, f.Run.RunID) + ". Now, " + found.says
		}
	}
	a.Answer, a.Whose, a.Waits = full(found.says), found.whose, found.waits
	a.Next = append(a.Next, found.next...)
	a.Notes = append(a.Notes, found.notes...)
	return a
}

// stands says where the run of the job stands.
func (f Facts) stands() finding {
	switch run := f.Run; {
	case run.Status.Terminal():
		return f.ended()
	case run.Status == fleet.RunWaiting:
		return finding{
			says: "waits for the approval of its environment: GitHub has not queued it", whose: ofJob,
			waits: &Waits{For: "an approval on GitHub", Event: "a reviewer of the environment approves it"},
			next:  []Step{{Do: "have it approved: its page on GitHub has \"Review deployments\""}},
		}
	case run.Status == fleet.RunRunning:
		return f.running()
	case run.RunnerID != "":
		return f.underway()
	case run.WaitsForRoom:
		return f.waitsForRoom()
	case run.Retrying():
		return f.retrying()
	}
	return f.queued()
}

// runner is the one that has the job, or else is expected to take it; nil if there is none.
func (f Facts) runner() *fleet.Runner {
	id := f.Run.RanOn
	if id == "" {
		id = f.Run.RunnerID
	}
	for i, r := range f.Runners {
		if id != "" && r.RunnerID == id {
			return &f.Runners[i]
		}
	}
	return nil
}

func (f Facts) command(words string) string { return "ecsrunner " + words + f.Flags }

func jobOf(j fleet.Job) Job {
	view := Job{
		RunID: fleet.RunID(j.JobID), JobID: j.JobID, Repository: name(j.Repository), WorkflowName: name(j.WorkflowName), Name: name(j.Name),
		HTMLURL: name(j.HTMLURL), Labels: labels(j.Labels),
	}
	return view
}

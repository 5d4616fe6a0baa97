package console

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

// mostRunners bounds how many of a run's runners are shown, the newest ones.
const mostRunners = 8

// runHead is what a run is.
type runHead struct {
	Run     fleet.Run
	State   state
	Class   string
	Cost    string // of its tasks and its part of the control plane
	Hosted  string // what GitHub's own runners would have cost
	Size    *fleet.Class
	Runner  string
	Changes bool
	Retry   bool // it may be tried now
	Token   string
	Flags   string
}

// answerView is what `ecsrunner why` says, and its text.
type answerView struct {
	why.Answer
	Tone  string
	Text  string
	Until time.Time
}

func (c *Console) runPage(ctx context.Context, id string) (page, error) {
	subject, err := why.ParseSubject(id)
	if err != nil || subject.RunnerID != "" {
		return page{}, report.NotFound{What: "run", ID: say(id)}
	}
	facts, err := why.Read(ctx, c.Records, subject, c.Now())
	if err != nil {
		return page{}, err
	}
	if facts.Run == nil {
		return page{}, report.NotFound{What: "run", ID: subject.RunID()}
	}
	facts.Flags = c.Flags
	run, answer := *facts.Run, why.Of(facts)
	view := answerView{Answer: answer, Tone: stateOfRun(run.Shown(), run.Conclusion).Tone}
	var text strings.Builder
	if err := answer.Text(&text, c.Zone); err != nil {
		return page{}, err
	}
	view.Text = text.String()
	if answer.Waits != nil {
		view.Until = answer.Waits.Until
	}
	head := runHead{
		Run: run, State: stateOfRun(run.Shown(), run.Conclusion), Class: answer.Decision.ClassName, Runner: report.RunnerOf(run), Changes: c.Operator != nil,
		Retry: run.Retrying(), Token: c.token, Flags: c.Flags,
	}
	head.Cost, head.Hosted = c.runCost(run, facts.Runners, facts.Policy.Classes)
	if size, ok := facts.Policy.Classes[head.Class]; ok {
		head.Size = &size
	}
	runners := facts.Runners[max(0, len(facts.Runners)-mostRunners):]
	histories, err := c.histories(ctx, runners)
	if err != nil {
		return page{}, err
	}
	p := page{Title: cmp.Or(say(run.Job.Name), run.RunID), Nav: "/runs", Up: link{"/runs", "Runs"}, Regions: []region{
		{ID: "head", Template: "runhead", Data: head, Wide: true},
		{ID: "answer", Template: "answer", Data: view, Wide: true},
		{ID: "timeline", Template: "timeline", Data: timelineOf(answer, run, runners), Wide: true},
		{ID: "history", Template: "history", Data: historyView{histories, len(facts.Runners) - len(runners)}, Wide: true},
	}}
	if head.Runner != "" && c.OpenLog != nil {
		p.Regions = append(p.Regions, region{ID: "log", Template: "log", Late: func() any { return c.logView(ctx, head.Runner, runnerEnded(runners, head.Runner)) }, Fixed: true, Wide: true})
	}
	return p, nil
}

func runnerEnded(runners []fleet.Runner, id string) bool {
	for _, r := range runners {
		if r.RunnerID == id {
			return r.Phase == fleet.Closed || r.TaskStatus == fleet.TaskStopped
		}
	}
	return false
}

// historyView has the executions of a run's runners.
type historyView struct {
	Histories []history
	Older     int // runners that are not shown
}

// history is the way of one runner through the state machine.
type history struct {
	Runner     fleet.Runner
	State      state
	ConsoleURL string // of Step Functions
	Status     string
	Error      string
	Visits     []visit
	More       int // visits that are not shown
	Missing    string
}

// mostVisits bounds how many states of a history are shown, the last ones.
const mostVisits = 60

func (c *Console) histories(ctx context.Context, runners []fleet.Runner) (all []history, err error) {
	for _, r := range runners {
		h := history{Runner: r, State: stateOf(r.Status)}
		e, err := report.ShowExecution(ctx, c.Records, r.RunnerID)
		switch {
		case errors.As(err, new(report.NotFound)):
			h.Missing = "Its execution is not known any more."
		case err != nil:
			return nil, err
		default:
			h.ConsoleURL, h.Status = e.ConsoleURL, string(e.Status)
			if e.Error != "" {
				h.Error = say(e.Error + ": " + sentence(e.Cause))
			}
			h.Visits = visitsOf(e.Events)
			h.More = max(0, len(h.Visits)-mostVisits)
			h.Visits = h.Visits[h.More:]
		}
		all = append(all, h)
	}
	return all, nil
}

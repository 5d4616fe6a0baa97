package simaws

import (
	"time"
)

// buildDetail is the detail of both kinds of CodeBuild's events. Those about a phase
// have no build-status and no current-phase, and those about the build nothing of a
// completed phase
// (https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html).
type buildDetail struct {
	Status          string    `json:"build-status,omitempty"`
	CompletedPhase  string    `json:"completed-phase,omitempty"`
	Project         string    `json:"project-name"`
	ID              string    `json:"build-id"`
	More            moreBuild `json:"additional-information"`
	Phase           string    `json:"current-phase,omitempty"`
	PhaseContext    string    `json:"current-phase-context,omitempty"`
	CompletedStatus string    `json:"completed-phase-status,omitempty"`
	CompletedTakes  *int64    `json:"completed-phase-duration-seconds,omitempty"`
	CompletedText   string    `json:"completed-phase-context,omitempty"`
	CompletedStart  string    `json:"completed-phase-start,omitempty"`
	CompletedEnd    string    `json:"completed-phase-end,omitempty"`
	Version         string    `json:"version"`
}

type moreBuild struct {
	Environment struct {
		Variables []variableDetail `json:"environment-variables"`
	} `json:"environment"`
	Timeout       int           `json:"timeout-in-minutes"`
	QueuedTimeout int           `json:"queued-timeout-in-minutes"`
	Complete      bool          `json:"build-complete"`
	Number        int64         `json:"build-number"`
	Initiator     string        `json:"initiator"`
	Started       string        `json:"build-start-time"`
	Logs          logsDetail    `json:"logs"`
	Phases        []phaseDetail `json:"phases"`
	Exported      []pairDetail  `json:"exported-environment-variables,omitempty"`
}

type variableDetail struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

type logsDetail struct {
	Group  string `json:"group-name"`
	Stream string `json:"stream-name"`
	Link   string `json:"deep-link"`
}

type phaseDetail struct {
	Context []string `json:"phase-context,omitempty"`
	Start   string   `json:"start-time"`
	End     string   `json:"end-time,omitempty"`
	Takes   *int64   `json:"duration-in-seconds,omitempty"`
	Type    string   `json:"phase-type"`
	Status  string   `json:"phase-status,omitempty"`
}

// stateChanged makes the event of a build that begins or has ended.
func (c *CodeBuild) stateChanged(b *build) {
	if c.OnEvent == nil {
		return
	}
	d := c.detail(b)
	d.Status, d.Phase, d.PhaseContext = string(b.status), string(b.current().kind), "[]"
	c.OnEvent(c.cfg.event(c.eventIDs.uuid(), "aws.codebuild", "CodeBuild Build State Change", b.arn, c.k.Now(), &d))
}

// phaseChanged makes the event of a phase that is over.
func (c *CodeBuild) phaseChanged(b *build, p *phase) {
	c.k.Log("build %s has %s as %s", b.id, p.kind, p.status)
	if c.OnEvent == nil {
		return
	}
	d := c.detail(b)
	d.CompletedPhase, d.CompletedStatus, d.CompletedTakes = string(p.kind), string(p.status), seconds(p)
	d.CompletedText, d.CompletedStart, d.CompletedEnd = "["+p.context()+"]", clock(p.started), clock(p.ended)
	c.OnEvent(c.cfg.event(c.eventIDs.uuid(), "aws.codebuild", "CodeBuild Build Phase Change", b.arn, c.k.Now(), &d))
}

func (c *CodeBuild) detail(b *build) buildDetail {
	stream := b.id[len(b.project.name)+1:]
	d := buildDetail{Project: b.project.name, ID: b.arn, Version: "1"}
	d.More = moreBuild{
		Timeout: int(b.timeLimit() / time.Minute), QueuedTimeout: int(queuedTimeout / time.Minute), Complete: b.over(), Number: b.number,
		Initiator: "fleet", Started: clock(b.started), Logs: logsDetail{Group: "/aws/codebuild/" + b.project.name, Stream: stream},
	}
	d.More.Environment.Variables = []variableDetail{}
	for _, v := range b.variables {
		d.More.Environment.Variables = append(d.More.Environment.Variables, variableDetail{deref(v.Name), string(v.Type), deref(v.Value)})
	}
	for _, p := range b.phases {
		one := phaseDetail{Start: clock(p.started), Type: string(p.kind)}
		if !p.ended.IsZero() {
			one.Context, one.End, one.Takes, one.Status = []string{p.context()}, clock(p.ended), seconds(p), string(p.status)
		}
		d.More.Phases = append(d.More.Phases, one)
	}
	if b.over() {
		d.More.Exported = b.exported()
	}
	return d
}

// context is a phase's code and message, as events have them: ": " if there is none.
func (p *phase) context() string { return p.code + ": " + p.message }

func seconds(p *phase) *int64 {
	return new(int64(p.ended.Sub(p.started) / time.Second))
}

// clock is a time as CodeBuild's events have it.
func clock(t time.Time) string { return t.Format("Jan 2, 2006 3:04:05 PM") }

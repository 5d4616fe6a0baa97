package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// atRunTime is the verdict about a job of which too little is known.
const atRunTime fleet.Verdict = "at_run_time"

// explanation is what the fleet would do with a job. Its JSON is stable.
type explanation struct {
	File    string        `json:"file,omitempty"`
	Line    int           `json:"line,omitempty"`
	JobName string        `json:"job_name,omitempty"`
	Jobs    int           `json:"jobs"` // of a matrix, that ask for the same
	Labels  []string      `json:"labels"`
	Group   string        `json:"runner_group,omitempty"`
	Verdict fleet.Verdict `json:"verdict"` // admitted, refused, ignored (not ours), undecided, or at_run_time
	Rule    string        `json:"rule,omitempty"`
	Reason  string        `json:"reason,omitempty"`

	ClassName string  `json:"class_name,omitempty"`
	CPU       int     `json:"cpu,omitempty"`    // units, 1024 to a vCPU
	Memory    int     `json:"memory,omitempty"` // MiB
	Arch      string  `json:"arch,omitempty"`
	Image     string  `json:"image,omitempty"`
	Dollars   float64 `json:"dollars_per_minute,omitempty"`
	OnSpot    float64 `json:"spot_dollars_per_minute,omitempty"` // if the class may run on Spot
}

// explain decides with the function that the webhook and Validate decide with.
func (e explainable) explain(policy fleet.Policy) explanation {
	out := explanation{File: e.file, Line: e.line, JobName: e.job.Name, Jobs: e.jobs, Labels: e.job.Labels, Group: e.group}
	if out.Labels == nil {
		out.Labels = []string{}
	}
	switch {
	case !policy.AllowsRepository(e.job.Repository):
		out.Verdict, out.Rule, out.Reason = fleet.Ignored, "repository.not_served", policy.NotServed(e.job.Repository)
		return out
	case e.later != "":
		out.Verdict, out.Reason = atRunTime, e.later
		return out
	}
	d := policy.Admit(e.job)
	out.Verdict, out.Rule, out.Reason = d.Verdict, d.Rule, d.Reason
	if d.Verdict == fleet.Undecided {
		out.Reason += ": see --fork, --event-name, --branch and --visibility. The fleet asks GitHub"
	}
	if d.Verdict != fleet.Admitted {
		return out
	}
	if e.group != "" && !strings.EqualFold(e.group, policy.RunnerGroup) {
		out.Reason = strings.TrimPrefix(out.Reason+"; ", "; ") + "GitHub gives the job to a runner of the group " + fleet.QuoteShort(e.group) + " alone: the fleet's runners must be in it (runner_group)"
	}
	out.ClassName, out.CPU, out.Memory, out.Arch, out.Image = d.Class, d.Size.CPU, d.Size.Memory, string(d.Size.Arch), d.Image.String()
	out.Dollars = rounded(price.Minute(d.Size, fleet.Fargate))
	if d.Size.Spot {
		out.OnSpot = rounded(price.Minute(d.Size, fleet.FargateSpot))
	}
	return out
}

// rounded has what docs/cost.md shows of a price.
func rounded(dollars float64) float64 { return math.Round(dollars*1e5) / 1e5 }

// inWords are verdicts for people.
var inWords = map[fleet.Verdict]string{fleet.Ignored: "not ours", atRunTime: "at run time"}

func (e explanation) words() string { return cmp.Or(inWords[e.Verdict], string(e.Verdict)) }

// printExplanations writes a table, and below it the reasons that there are.
func printExplanations(w io.Writer, all []explanation) error {
	t := readable.NewTable(w, "JOB", "VERDICT", "CLASS", "VCPU", "MIB", "ARCH", "IMAGE", "$/MIN", "LABELS")
	for _, e := range all {
		vcpu, mib := "", ""
		if e.CPU > 0 {
			vcpu, mib = strconv.FormatFloat(float64(e.CPU)/1024, 'g', -1, 64), strconv.Itoa(e.Memory)
		}
		t.Row(e.name(), e.words(), e.ClassName, vcpu, mib, e.Arch, shortImage(e.Image), e.price(), strings.Join(e.Labels, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, e := range all {
		if e.Rule == "" && e.Reason == "" {
			continue
		}
		line := cmp.Or(e.where(), e.JobName, "the job") + ": " + e.words()
		if e.Rule != "" {
			line += " by " + e.Rule
		}
		if e.Reason != "" {
			line += ": " + e.Reason
		}
		if _, err := fmt.Fprintln(w, readable.Plain(line)); err != nil {
			return err
		}
	}
	return nil
}

func (e explanation) name() string {
	if e.Jobs > 1 {
		return fmt.Sprintf("%s (%d jobs)", e.JobName, e.Jobs)
	}
	return e.JobName
}

func (e explanation) where() string {
	if e.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d: job %s", e.File, e.Line, e.JobName)
}

func (e explanation) price() string {
	if e.Dollars == 0 {
		return ""
	}
	text := fmt.Sprintf("%.5f", e.Dollars)
	if e.OnSpot > 0 {
		text += fmt.Sprintf(" (Spot about %.5f)", e.OnSpot)
	}
	return text
}

// printAnnotations writes workflow commands
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
func printAnnotations(w io.Writer, all []explanation) error {
	for _, e := range all {
		level := map[fleet.Verdict]string{fleet.Refused: "error", fleet.Undecided: "notice", atRunTime: "notice"}[e.Verdict]
		if level == "" {
			continue
		}
		title := e.words()
		if e.Rule != "" {
			title += " by " + e.Rule
		}
		properties := "title=" + property(title)
		if e.File != "" {
			properties = fmt.Sprintf("file=%s,line=%d,%s", property(e.File), e.Line, properties)
		}
		text := e.Reason
		if e.JobName != "" {
			text = "job " + e.JobName + ": " + text
		}
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", level, properties, data(text)); err != nil {
			return err
		}
	}
	return nil
}

// data is text behind a workflow command, which ends with its line (actions/toolkit
// packages/core/src/command.ts).
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// property is text in the head of a workflow command, where a colon and a comma end it too.
func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(text))
}

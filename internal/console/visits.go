package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// visit is one stay of an execution in one state.
type visit struct {
	State         string
	Entered, Left time.Time
	Took          *int64
	Tries         []try
	Input, Output string // JSON for people
	Choice        bool
}

// try is a call of the state's function that failed.
type try struct {
	At         time.Time
	Name, Says string
}

// mostJSON bounds the JSON of a state that is shown.
const mostJSON = 8 << 10

// visitsOf reads a history as the states that an execution went through.
func visitsOf(events []execution.Event) []visit {
	var all []visit
	for _, e := range events {
		if strings.HasSuffix(e.Type, "StateEntered") {
			all = append(all, visit{State: e.State, Entered: e.Timestamp, Input: indented(e.Input), Choice: strings.HasPrefix(e.Type, "Choice")})
			continue
		}
		if len(all) == 0 {
			continue
		}
		v := &all[len(all)-1]
		switch {
		case strings.HasSuffix(e.Type, "StateExited"):
			v.leave(e.Timestamp)
		case strings.HasPrefix(e.Type, "Execution"):
			if v.Left.IsZero() {
				v.leave(e.Timestamp)
			}
		case e.Error != "":
			v.Tries = append(v.Tries, try{e.Timestamp, say(e.Error), say(sentence(e.Cause))})
		case strings.HasSuffix(e.Type, "Succeeded"):
			v.Output = indented(e.Output)
		}
	}
	return all
}

func (v *visit) leave(at time.Time) {
	ms := at.Sub(v.Entered).Milliseconds()
	v.Left, v.Took = at, &ms
}

// sentence takes the message out of a Lambda function's cause, which is JSON.
func sentence(cause string) string {
	var reported struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &reported) == nil && reported.Message != "" {
		return reported.Message
	}
	return cause
}

// indented is JSON for people, shortened. Characters that do not print are left out.
func indented(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	text := string(raw)
	var b bytes.Buffer
	if len(raw) < 4*mostJSON && json.Indent(&b, raw, "", "  ") == nil {
		text = b.String()
	}
	if len(text) > mostJSON {
		text = text[:mostJSON] + "\n… shortened"
	}
	lines := strings.Split(strings.ToValidUTF8(text, "\ufffd"), "\n")
	for i, line := range lines {
		lines[i] = readable.Plain(line)
	}
	return strings.Join(lines, "\n")
}

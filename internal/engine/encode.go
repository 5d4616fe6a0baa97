package engine

import (
	"strconv"
	"time"
)

// AppendJSON appends the record as encoding/json writes it. State data is JSON already, and
// is neither checked nor copied field by field: that would take most of the time of a
// transition.
func (r Record) AppendJSON(b []byte) []byte {
	o := writer{b: append(b, '{')}
	o.text("name", r.Name)
	o.text("status", string(r.Status))
	o.raw("input", r.Input)
	o.rawIf("output", r.Output)
	o.textIf("error", r.Error)
	o.textIf("cause", r.Cause)
	o.time("started_at", r.StartedAt)
	o.timeIf("stopped_at", r.StoppedAt)
	o.text("state", r.State)
	o.time("state_entered_at", r.StateEnteredAt)
	o.numberIf("retry_count", int64(r.RetryCount))
	o.textIf("pending", string(r.Pending))
	o.timeIf("wake_at", r.WakeAt)
	o.number("revision", r.Revision)
	o.number("last_event_id", r.LastEventID)
	o.rawIf("data", r.Data)
	o.numbersIf("retries", r.Retries)
	o.textIf("token", r.Token)
	o.timeIf("timeout_at", r.TimeoutAt)
	o.timeIf("heartbeat_at", r.HeartbeatAt)
	o.numberIf("heartbeat_seconds", r.HeartbeatSeconds)
	return append(o.b, '}')
}

// AppendEvents appends events as encoding/json writes a list of them.
func AppendEvents(b []byte, events []Event) []byte {
	b = append(b, '[')
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		o := writer{b: append(b, '{')}
		o.number("id", e.ID)
		o.number("previous_event_id", e.PreviousEventID)
		o.time("timestamp", e.Timestamp)
		o.text("type", e.Type)
		o.textIf("state", e.State)
		o.textIf("resource", e.Resource)
		o.rawIf("input", e.Input)
		o.rawIf("output", e.Output)
		o.textIf("error", e.Error)
		o.textIf("cause", e.Cause)
		o.numberIf("timeout_seconds", e.TimeoutSeconds)
		o.numberIf("heartbeat_seconds", e.HeartbeatSeconds)
		b = append(o.b, '}')
	}
	return append(b, ']')
}

// writer writes the members of an object. Those whose names end in If are left out if they
// are zero.
type writer struct{ b []byte }

func (o *writer) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

func (o *writer) text(name, s string) {
	o.name(name)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			o.b = append(o.b, quote(s)...)
			return
		}
	}
	o.b = append(append(append(o.b, '"'), s...), '"')
}

func (o *writer) textIf(name, s string) {
	if s != "" {
		o.text(name, s)
	}
}

func (o *writer) raw(name string, value []byte) {
	if len(value) == 0 {
		value = []byte("null")
	}
	o.name(name)
	o.b = append(o.b, value...)
}

func (o *writer) rawIf(name string, value []byte) {
	if len(value) > 0 {
		o.raw(name, value)
	}
}

func (o *writer) number(name string, n int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *writer) numberIf(name string, n int64) {
	if n != 0 {
		o.number(name, n)
	}
}

func (o *writer) numbersIf(name string, list []int) {
	if len(list) == 0 {
		return
	}
	o.name(name)
	for i, n := range list {
		separator := byte(',')
		if i == 0 {
			separator = '['
		}
		o.b = strconv.AppendInt(append(o.b, separator), int64(n), 10)
	}
	o.b = append(o.b, ']')
}

func (o *writer) time(name string, t time.Time) {
	o.name(name)
	o.b = append(t.AppendFormat(append(o.b, '"'), time.RFC3339Nano), '"')
}

func (o *writer) timeIf(name string, t time.Time) {
	if !t.IsZero() {
		o.time(name, t)
	}
}
